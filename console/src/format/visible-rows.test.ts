import { describe, expect, it } from 'vitest';
import { visibleRows } from './visible-rows';

describe('the rows in sight', () => {
  it('are few, however long the list', () => {
    const { from, to } = visibleRows(100_000, 80, 4_000_000, 800);
    expect(from).toBeLessThanOrEqual(50_000);
    expect(to).toBeGreaterThanOrEqual(50_010);
    expect(to - from).toBeLessThan(30);
  });

  it('stay inside the list at both ends and beyond', () => {
    expect(visibleRows(3, 80, 0, 800)).toEqual({ from: 0, to: 3 });
    expect(visibleRows(3, 80, 9_000, 800)).toEqual({ from: 2, to: 3 });
    expect(visibleRows(20, 80, -50, 80)).toEqual({ from: 0, to: 7 });
  });

  it('are none of no list', () => {
    expect(visibleRows(0, 80, 0, 800)).toEqual({ from: 0, to: 0 });
    expect(visibleRows(5, 0, 0, 800)).toEqual({ from: 0, to: 0 });
  });
});
