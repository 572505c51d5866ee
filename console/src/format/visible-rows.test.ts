import { describe, expect, it } from 'vitest';
import { rowsInSight } from './visible-rows';

describe('the rows in sight', () => {
  it('are few, however long the list', () => {
    const { from, to } = rowsInSight(100_000, 80, 4_000_000, 800);
    expect(from).toBeLessThanOrEqual(50_000);
    expect(to).toBeGreaterThanOrEqual(50_010);
    expect(to - from).toBeLessThan(30);
  });

  it('stay inside the list at both ends and beyond', () => {
    expect(rowsInSight(3, 80, 0, 800)).toEqual({ from: 0, to: 3 });
    expect(rowsInSight(3, 80, 9_000, 800)).toEqual({ from: 2, to: 3 });
    expect(rowsInSight(20, 80, -50, 80)).toEqual({ from: 0, to: 7 });
  });

  it('are none of no list', () => {
    expect(rowsInSight(0, 80, 0, 800)).toEqual({ from: 0, to: 0 });
    expect(rowsInSight(5, 0, 0, 800)).toEqual({ from: 0, to: 0 });
  });
});
