/** Which rows of a long list are in the document: those in sight and a few on either side. */

const SPARE = 6;

/** The half-open range of rows to render for a list scrolled to `top` in a pane of `height` (pixels). */
export function rowsInSight(count: number, rowHeight: number, top: number, height: number): { from: number; to: number } {
  if (count === 0 || rowHeight <= 0) return { from: 0, to: 0 };
  const first = Math.floor(Math.max(0, top) / rowHeight);
  const last = Math.ceil((Math.max(0, top) + height) / rowHeight);
  return { from: Math.max(0, Math.min(first - SPARE, count - 1)), to: Math.min(count, last + SPARE) };
}
