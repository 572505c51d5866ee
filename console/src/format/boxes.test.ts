import { describe, expect, it } from 'vitest';
import { boxAt } from './boxes';

const track = [
  { offset_s: -1, box: [0, 0, 0.1, 0.2] },
  { offset_s: 0, box: [0.2, 0.1, 0.3, 0.3] },
  { offset_s: 5, box: [0.6, 0.6, 0.7, 0.8] },
];

describe('a box between two sightings', () => {
  it('lies on the straight line between them', () => {
    const box = boxAt(track, -0.5);
    expect(box?.map((part) => Number(part.toFixed(6)))).toEqual([0.1, 0.05, 0.2, 0.25]);
  });

  it('is the sighting itself at its moment', () => {
    expect(boxAt(track, 0)).toEqual([0.2, 0.1, 0.3, 0.3]);
  });

  it('is not interpolated over a long gap', () => {
    expect(boxAt(track, 2.5)).toBeNull();
    expect(boxAt(track, 0.2)).toEqual([0.2, 0.1, 0.3, 0.3]);
    expect(boxAt(track, 4.8)).toEqual([0.6, 0.6, 0.7, 0.8]);
  });

  it('does not outlive its track', () => {
    expect(boxAt(track, -2)).toBeNull();
    expect(boxAt(track, 5.2)).toEqual([0.6, 0.6, 0.7, 0.8]);
    expect(boxAt(track, 5.3)).toBeNull();
    expect(boxAt([], 0)).toBeNull();
  });
});
