import { describe, expect, it } from 'vitest';
import { NO_FILTERS, DEFAULT_FILTERS, fromQuery, matches, activeFilterCount, toQuery } from './filters';
import { alertNumber } from '../testing/alerts';

describe('filters in the URL', () => {
  it('that equal the defaults leave the query empty', () => {
    expect(toQuery(DEFAULT_FILTERS)).toBe('');
    expect(fromQuery('')).toEqual(DEFAULT_FILTERS);
    expect(toQuery(NO_FILTERS, NO_FILTERS)).toBe('');
  });

  it('survive a round trip', () => {
    const filters = {
      placement: 'digest' as const,
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
      '?placement=digest&kampung=kampung-satu&camera=pos-ronda&rule=occupancy&state=resolved,dismissed&severity=critical&since=2026-11-24T05:00:00.000Z',
    );
    expect(fromQuery(query)).toEqual(filters);
  });

  it('can name every state and both lists', () => {
    expect(toQuery({ ...DEFAULT_FILTERS, states: [] })).toBe('?state=all');
    expect(fromQuery('?state=all').states).toEqual([]);
    expect(toQuery({ ...DEFAULT_FILTERS, placement: null })).toBe('?placement=all');
    expect(fromQuery('?placement=all').placement).toBeNull();
  });

  it('with unknown values are ignored', () => {
    expect(fromQuery('?state=lost&severity=loud,critical&since=yesterday&rule=x')).toEqual({ ...DEFAULT_FILTERS, severities: ['critical'] });
  });
});

describe('an alert', () => {
  const alert = alertNumber(10);

  it('matches when every filter holds', () => {
    expect(matches(alert, DEFAULT_FILTERS)).toBe(true);
    expect(matches(alert, { ...DEFAULT_FILTERS, severities: ['critical'] })).toBe(false);
    expect(matches(alert, { ...DEFAULT_FILTERS, states: ['resolved'] })).toBe(false);
    expect(matches(alert, { ...DEFAULT_FILTERS, camera: 'gang' })).toBe(false);
    expect(matches(alert, { ...DEFAULT_FILTERS, placement: 'digest' })).toBe(false);
    expect(matches(alert, { ...DEFAULT_FILTERS, placement: null })).toBe(true);
    expect(matches(alert, { ...DEFAULT_FILTERS, rule: 'occupancy' })).toBe(false);
    expect(matches(alert, { ...DEFAULT_FILTERS, since: '2026-11-24T05:00:11Z' })).toBe(false);
    expect(matches(alert, { ...DEFAULT_FILTERS, until: '2026-11-24T05:00:09Z' })).toBe(false);
  });
});

it('the number of activeFilterCount filters is what the filter button shows', () => {
  expect(activeFilterCount(DEFAULT_FILTERS)).toBe(0);
  expect(activeFilterCount({ ...DEFAULT_FILTERS, kampung: 'x' })).toBe(0);
  expect(activeFilterCount({ ...DEFAULT_FILTERS, states: [], since: '2026-11-24T05:00:09Z', camera: 'y' })).toBe(3);
});
