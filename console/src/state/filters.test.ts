import { describe, expect, it } from 'vitest';
import { EVERYTHING, OPEN, fromQuery, matches, narrowing, toQuery } from './filters';
import { alertNumber } from '../testing/alerts';

describe('filters in the URL', () => {
  it('of the starting view leave the URL bare', () => {
    expect(toQuery(OPEN)).toBe('');
    expect(fromQuery('')).toEqual(OPEN);
    expect(toQuery(EVERYTHING, EVERYTHING)).toBe('');
  });

  it('survive the way there and back', () => {
    const filters = {
      place: 'digest' as const,
      kampung: 'kampung-satu',
      camera: 'pos-ronda',
      rule: 'occupancy' as const,
      states: ['resolved' as const, 'dismissed' as const],
      severities: ['critical' as const],
      since: '2026-11-24T05:00:00.000Z',
      until: null,
    };
    const query = toQuery(filters);
    expect(query).toBe(
      '?place=digest&kampung=kampung-satu&camera=pos-ronda&rule=occupancy&state=resolved,dismissed&severity=critical&since=2026-11-24T05:00:00.000Z',
    );
    expect(fromQuery(query)).toEqual(filters);
  });

  it('can say every state', () => {
    expect(toQuery({ ...OPEN, states: [] })).toBe('?state=all');
    expect(fromQuery('?state=all').states).toEqual([]);
    expect(toQuery({ ...OPEN, place: null })).toBe('?place=all');
    expect(fromQuery('?place=all').place).toBeNull();
  });

  it('that nobody knows are left out', () => {
    expect(fromQuery('?state=lost&severity=loud,critical&since=soon&rule=x')).toEqual({ ...OPEN, severities: ['critical'] });
  });
});

describe('an alert', () => {
  const alert = alertNumber(10);

  it('matches when every filter holds', () => {
    expect(matches(alert, OPEN)).toBe(true);
    expect(matches(alert, { ...OPEN, severities: ['critical'] })).toBe(false);
    expect(matches(alert, { ...OPEN, states: ['resolved'] })).toBe(false);
    expect(matches(alert, { ...OPEN, camera: 'gang' })).toBe(false);
    expect(matches(alert, { ...OPEN, place: 'digest' })).toBe(false);
    expect(matches(alert, { ...OPEN, place: null })).toBe(true);
    expect(matches(alert, { ...OPEN, rule: 'occupancy' })).toBe(false);
    expect(matches(alert, { ...OPEN, since: '2026-11-24T05:00:11Z' })).toBe(false);
    expect(matches(alert, { ...OPEN, until: '2026-11-24T05:00:09Z' })).toBe(false);
  });
});

it('the number of narrowing filters is what the filter button shows', () => {
  expect(narrowing(OPEN)).toBe(0);
  expect(narrowing({ ...OPEN, kampung: 'x' })).toBe(0);
  expect(narrowing({ ...OPEN, states: [], since: '2026-11-24T05:00:09Z', camera: 'y' })).toBe(3);
});
