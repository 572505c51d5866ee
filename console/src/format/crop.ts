/** Which part of a picture a small thumbnail shows. */

export type Crop = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** The smallest part of the picture's width that is shown: closer in, nobody knows where it was. */
const SMALLEST = 0.42;
/** How much larger than the people the part is. */
const MARGIN = 1.5;

/**
 * The part of a picture, in shares of its width and height, that holds the given boxes (xyxyn) with a margin.
 *
 * `aspect` is the picture's width over its height, `frame` that of the thumbnail; the part has the frame's shape and
 * stays inside the picture. Without boxes it is as large as the picture allows.
 */
export function around(boxes: readonly (readonly number[])[], aspect: number, frame: number): Crop {
  // The largest part of the frame's shape: as wide as the picture, or as high.
  const widest = Math.min(1, frame / aspect);
  const perWidth = aspect / frame;
  const xs = boxes.flatMap(([x1, , x2]) => [x1 ?? 0, x2 ?? 1]);
  const ys = boxes.flatMap(([, y1, , y2]) => [y1 ?? 0, y2 ?? 1]);
  if (xs.length === 0) return part(0.5, 0.5, widest, widest * perWidth);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const wanted = Math.max((right - left) * MARGIN, ((bottom - top) * MARGIN) / perWidth, SMALLEST);
  const width = Math.min(widest, wanted);
  return part((left + right) / 2, (top + bottom) / 2, width, width * perWidth);
}

function part(centreX: number, centreY: number, width: number, height: number): Crop {
  const within = (centre: number, size: number) => Math.min(Math.max(0, centre - size / 2), Math.max(0, 1 - size));
  return { x: within(centreX, width), y: within(centreY, height), width, height };
}
