/** Windowing of long lists: only the visible rows and a few on either side are in the document. */

const OVERSCAN = 6;

/** Half-open range of rows to render for a list scrolled to `top` in a pane of `height` (both in pixels). */
export function visibleRows(count: number, rowHeight: number, top: number, height: number): { from: number; to: number } {
  if (count === 0 || rowHeight <= 0) return { from: 0, to: 0 };
  const first = Math.floor(Math.max(0, top) / rowHeight);
  const last = Math.ceil((Math.max(0, top) + height) / rowHeight);
  return { from: Math.max(0, Math.min(first - OVERSCAN, count - 1)), to: Math.min(count, last + OVERSCAN) };
}
