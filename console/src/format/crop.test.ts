import { describe, expect, it } from 'vitest';
import { cropAround } from './crop';

const WIDE = 16 / 9;
const FRAME = 16 / 10;

describe('the part of a picture that a thumbnail shows', () => {
  it('has the frame’s shape and stays inside the picture', () => {
    for (const box of [[0, 0, 0.05, 0.2], [0.9, 0.7, 1, 1], [0.1, 0, 0.9, 1], [0.4, 0.4, 0.45, 0.6]]) {
      for (const aspect of [WIDE, 4 / 3, 9 / 16]) {
        const crop = cropAround([box], aspect, FRAME);
        expect((crop.width * aspect) / crop.height).toBeCloseTo(FRAME);
        expect(Math.min(crop.x, crop.y)).toBeGreaterThanOrEqual(0);
        expect(Math.max(crop.x + crop.width, crop.y + crop.height)).toBeLessThanOrEqual(1.000001);
      }
    }
  });

  it('holds the people it is about', () => {
    const crop = cropAround([[0.5, 0.4, 0.56, 0.7], [0.7, 0.4, 0.78, 0.7]], WIDE, FRAME);
    expect(crop.x).toBeLessThan(0.5);
    expect(crop.x + crop.width).toBeGreaterThan(0.78);
    expect(crop.width).toBeLessThan(0.5);
  });

  it('is the whole picture, as far as the frame allows, without people', () => {
    expect(cropAround([], WIDE, FRAME).height).toBeCloseTo(1);
  });
});
