/** Interpolates a tracked person's box between the sightings that the event carries. */

export type BoxXyxyn = readonly [number, number, number, number];
export type TimedBox = { readonly offset_s: number; readonly box: readonly number[] };

/** Longest gap between two sightings to interpolate over; beyond it the position is unknown. */
export const MAX_GAP_S = 1.5;

/** How long a box is drawn before the track's first and after its last sighting: about one analysed frame. */
export const HOLD_S = 0.25;

/** The box as a tuple, or null if it does not have four coordinates. */
export function asBox(box: readonly number[]): BoxXyxyn | null {
  const [x1, y1, x2, y2] = box;
  if (x1 === undefined || y1 === undefined || x2 === undefined || y2 === undefined) return null;
  return [x1, y1, x2, y2];
}

/**
 * The box of one track at `offset_s` seconds from the trigger, linearly interpolated.
 *
 * `boxes` must be sorted by `offset_s`. Returns null where the track has no position near that time.
 */
export function boxAt(boxes: readonly TimedBox[], offset_s: number): BoxXyxyn | null {
  const next = firstAtOrAfter(boxes, offset_s);
  const after = boxes[next];
  const before = boxes[next - 1];
  if (after === undefined) {
    return before !== undefined && offset_s - before.offset_s <= HOLD_S ? asBox(before.box) : null;
  }
  if (after.offset_s === offset_s) return asBox(after.box);
  if (before === undefined) return after.offset_s - offset_s <= HOLD_S ? asBox(after.box) : null;

  const span_s = after.offset_s - before.offset_s;
  if (span_s > MAX_GAP_S) {
    if (offset_s - before.offset_s <= HOLD_S) return asBox(before.box);
    if (after.offset_s - offset_s <= HOLD_S) return asBox(after.box);
    return null;
  }
  const from = asBox(before.box);
  const to = asBox(after.box);
  if (from === null || to === null) return null;
  const share = (offset_s - before.offset_s) / span_s;
  const mix = (a: number, b: number) => a + (b - a) * share;
  return [mix(from[0], to[0]), mix(from[1], to[1]), mix(from[2], to[2]), mix(from[3], to[3])];
}

function firstAtOrAfter(boxes: readonly TimedBox[], offset_s: number): number {
  let low = 0;
  let high = boxes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((boxes[middle]?.offset_s ?? Infinity) < offset_s) low = middle + 1;
    else high = middle;
  }
  return low;
}
