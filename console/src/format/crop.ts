/** Which part of a frame a thumbnail shows. */

export type Crop = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** Smallest share of the frame's width to show: closer in, the place is no longer recognisable. */
const MIN_WIDTH = 0.42;
/** Size of the crop relative to the bounding box of the people. */
const MARGIN = 1.5;

/**
 * The part of a frame, in normalised coordinates, that holds the given boxes (xyxyn) with a margin.
 *
 * `aspect` is width over height of the frame, `thumbnail` that of the thumbnail. The crop has the thumbnail's aspect
 * ratio and stays inside the frame. Without boxes it is as large as the frame allows.
 */
export function cropAround(boxes: readonly (readonly number[])[], aspect: number, thumbnail: number): Crop {
  // The largest crop of that aspect ratio: as wide as the frame, or as high.
  const widest = Math.min(1, thumbnail / aspect);
  const perWidth = aspect / thumbnail;
  const xs = boxes.flatMap(([x1, , x2]) => [x1 ?? 0, x2 ?? 1]);
  const ys = boxes.flatMap(([, y1, , y2]) => [y1 ?? 0, y2 ?? 1]);
  if (xs.length === 0) return part(0.5, 0.5, widest, widest * perWidth);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const wanted = Math.max((right - left) * MARGIN, ((bottom - top) * MARGIN) / perWidth, MIN_WIDTH);
  const width = Math.min(widest, wanted);
  return part((left + right) / 2, (top + bottom) / 2, width, width * perWidth);
}

function part(centreX: number, centreY: number, width: number, height: number): Crop {
  const within = (centre: number, size: number) => Math.min(Math.max(0, centre - size / 2), Math.max(0, 1 - size));
  return { x: within(centreX, width), y: within(centreY, height), width, height };
}
