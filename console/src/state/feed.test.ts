import { describe, expect, it } from 'vitest';
import * as feed from './feed';
import { DEFAULT_FILTERS } from './filters';
import { alertNumber } from '../testing/alerts';

const page = (...numbers: number[]) => ({ items: numbers.map((n) => alertNumber(n)), next_cursor: 'c' });
const numbers = (items: readonly { id: string }[]) => items.map((one) => Number(one.id.slice(-12)));
const created = (n: number, more = {}) => ({ kind: 'created' as const, alert: alertNumber(n, more), raised: false });

describe('a new alert', () => {
  it('goes to the top while the list is not paused', () => {
    const now = feed.receive(feed.firstPage(page(2, 1)), created(3), DEFAULT_FILTERS, false);
    expect(numbers(now.items)).toEqual([3, 2, 1]);
    expect(now.unseen.has(alertNumber(3).id)).toBe(true);
  });

  it('waits while the list is paused, and comes in when it is requested', () => {
    let now = feed.firstPage(page(2, 1));
    now = feed.receive(now, created(3), DEFAULT_FILTERS, true);
    now = feed.receive(now, created(4), DEFAULT_FILTERS, true);
    expect(numbers(now.items)).toEqual([2, 1]);
    expect(numbers(now.waiting)).toEqual([4, 3]);
    now = feed.showWaiting(now);
    expect(numbers(now.items)).toEqual([4, 3, 2, 1]);
    expect(now.waiting).toEqual([]);
  });

  it('that was captured earlier, over a slow link, is sorted by its capture time', () => {
    const now = feed.receive(feed.firstPage(page(5, 1)), created(3), DEFAULT_FILTERS, false);
    expect(numbers(now.items)).toEqual([5, 3, 1]);
  });

  it('outside the filters never appears', () => {
    const now = feed.receive(feed.EMPTY, created(3), { ...DEFAULT_FILTERS, kampung: 'kampung-dua' }, false);
    expect(now).toBe(feed.EMPTY);
  });

  it('received twice is shown once', () => {
    const once = feed.receive(feed.EMPTY, created(3), DEFAULT_FILTERS, false);
    expect(numbers(feed.receive(once, created(3), DEFAULT_FILTERS, false).items)).toEqual([3]);
  });
});

describe('an update', () => {
  it('changes the row in its place, even when the row no longer matches the filters', () => {
    const before = feed.firstPage(page(2, 1));
    const alert = alertNumber(1, { state: 'resolved', version: 2 });
    const now = feed.receive(before, { kind: 'updated', alert, raised: false }, DEFAULT_FILTERS, false);
    expect(now.items.map((one) => one.state)).toEqual(['new', 'resolved']);
  });

  it('older than what is shown changes nothing', () => {
    const before = feed.firstPage({ items: [alertNumber(1, { version: 3, state: 'acknowledged' })] });
    expect(feed.receive(before, { kind: 'updated', alert: alertNumber(1), raised: false }, DEFAULT_FILTERS, false)).toBe(before);
  });

  it('of an alert that is not in the list adds no row', () => {
    const before = feed.firstPage(page(2));
    expect(feed.receive(before, { kind: 'updated', alert: alertNumber(1), raised: false }, DEFAULT_FILTERS, false)).toBe(before);
  });

  it('reaches an alert that is still waiting', () => {
    let now = feed.receive(feed.EMPTY, created(3), DEFAULT_FILTERS, true);
    now = feed.receive(now, { kind: 'updated', alert: alertNumber(3, { version: 2, state: 'acknowledged' }), raised: false }, DEFAULT_FILTERS, true);
    expect(now.waiting[0]?.state).toBe('acknowledged');
    expect(now.unseen.size).toBe(0);
  });
});

describe('pages', () => {
  it('are put at the end, each alert once', () => {
    const now = feed.nextPage(feed.firstPage(page(4, 3)), { items: page(3, 2).items, next_cursor: null });
    expect(numbers(now.items)).toEqual([4, 3, 2]);
    expect(now.cursor).toBeNull();
  });

  it('fetched again after a reconnect bring what was missed, and hold it back from a reader', () => {
    const now = feed.catchUp(feed.firstPage(page(2, 1)), page(4, 3, 2), DEFAULT_FILTERS, true);
    expect(numbers(now.waiting)).toEqual([4, 3]);
    expect(numbers(now.items)).toEqual([2, 1]);
  });
});

describe('an incident that leaves the digest', () => {
  const digested = { ...alertNumber(1).incident, placement: 'digest' as const };

  it('brings its existing alerts into the feed', () => {
    const before = feed.firstPage(page(3, 2));
    expect(feed.receive(before, created(1, { incident: digested }), DEFAULT_FILTERS, false)).toBe(before);
    const now = feed.receive(before, { kind: 'updated', alert: alertNumber(1), raised: true }, DEFAULT_FILTERS, false);
    expect(numbers(now.items)).toEqual([3, 2, 1]);
    expect(now.unseen.has(alertNumber(1).id)).toBe(true);
  });

  it('stays in the digest while that is open, updated', () => {
    const before = feed.firstPage({ items: [alertNumber(1, { incident: digested })] });
    const now = feed.receive(before, { kind: 'updated', alert: alertNumber(1), raised: true }, { ...DEFAULT_FILTERS, placement: 'digest' }, true);
    expect(now.items.map((one) => one.incident.placement)).toEqual(['shown']);
  });
});

it('an alert that was opened is marked as seen', () => {
  const now = feed.receive(feed.EMPTY, created(3), DEFAULT_FILTERS, false);
  expect(feed.markSeen(now, alertNumber(3).id).unseen.size).toBe(0);
  expect(feed.markSeen(feed.EMPTY, 'x')).toBe(feed.EMPTY);
});
