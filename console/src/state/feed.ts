/**
 * The feed as a value: pages from the server and messages from the live stream go in, the list to show comes out.
 *
 * Two rules make it calm. Nothing that is being read moves: while `hold` is set, new alerts wait until they are asked
 * for. And an alert that no longer matches the filters (because somebody has just acknowledged it) stays in its place,
 * changed, until the list is loaded anew.
 */

import type { AlertSummary, FeedAlert } from '../api/types';
import { type Filters, matches } from './filters';

export type Feed = {
  /** Newest first. */
  readonly items: readonly AlertSummary[];
  /** New alerts that are not shown yet, newest first. */
  readonly waiting: readonly AlertSummary[];
  /** Where the next page begins; null at the end of the list. */
  readonly cursor: string | null;
  /** Ids of alerts that came in while this list was open and that nobody has looked at. */
  readonly fresh: ReadonlySet<string>;
};

export const EMPTY: Feed = { items: [], waiting: [], cursor: null, fresh: new Set() };

type Page = { readonly items: readonly AlertSummary[]; readonly next_cursor?: string | null };

/** Newest first, the order of the server's pages. */
export function newestFirst(a: AlertSummary, b: AlertSummary): number {
  return Date.parse(b.captured_at) - Date.parse(a.captured_at) || (a.id < b.id ? 1 : -1);
}

/** A new list out of its first page. */
export function firstPage(page: Page): Feed {
  return { items: page.items, waiting: [], cursor: page.next_cursor ?? null, fresh: new Set() };
}

/** The list with its next page at the end. */
export function nextPage(feed: Feed, page: Page): Feed {
  return { ...merge(feed, page.items), cursor: page.next_cursor ?? null };
}

/** The list after one message of the live stream. */
export function receive(feed: Feed, message: FeedAlert, filters: Filters, hold: boolean): Feed {
  const { alert } = message;
  const known = find(feed, alert.id);
  if (known !== undefined) return older(alert, known) ? feed : replace(feed, alert);
  // An incident that left the digest is news here, though its alerts are not.
  if ((message.kind !== 'created' && !message.raised) || !matches(alert, filters)) return feed;
  const fresh = new Set(feed.fresh).add(alert.id);
  if (hold) return { ...feed, fresh, waiting: [alert, ...feed.waiting].sort(newestFirst) };
  return { ...feed, fresh, items: [alert, ...feed.items].sort(newestFirst) };
}

/** The list after its first page was fetched again (after a dropped line): what was missed comes in as new. */
export function catchUp(feed: Feed, page: Page, filters: Filters, hold: boolean): Feed {
  return [...page.items]
    .reverse()
    .reduce((now, alert) => receive(now, { kind: 'created', alert, raised: false }, filters, hold), feed);
}

/** The list with the waiting alerts in it. */
export function takeIn(feed: Feed): Feed {
  return { ...merge(feed, feed.waiting), waiting: [] };
}

/** The list after somebody opened an alert: it is no longer fresh. */
export function seen(feed: Feed, id: string): Feed {
  if (!feed.fresh.has(id)) return feed;
  const fresh = new Set(feed.fresh);
  fresh.delete(id);
  return { ...feed, fresh };
}

/** The list with a newer version of an alert in place of the old one. What somebody has taken is no longer fresh. */
export function replace(feed: Feed, alert: AlertSummary): Feed {
  const swap = (one: AlertSummary) => (one.id === alert.id ? alert : one);
  const now = { ...feed, items: feed.items.map(swap), waiting: feed.waiting.map(swap) };
  return alert.state === 'new' ? now : seen(now, alert.id);
}

/** Whether `a` tells less than `b`: the version counts people's decisions, the time of update everything else. */
function older(a: AlertSummary, b: AlertSummary): boolean {
  return a.version < b.version || (a.version === b.version && Date.parse(a.updated_at) < Date.parse(b.updated_at));
}

function find(feed: Feed, id: string): AlertSummary | undefined {
  return feed.items.find((one) => one.id === id) ?? feed.waiting.find((one) => one.id === id);
}

function merge(feed: Feed, alerts: readonly AlertSummary[]): Feed {
  const all = new Map(feed.items.map((one) => [one.id, one]));
  for (const alert of alerts) {
    const known = all.get(alert.id);
    if (known === undefined || !older(alert, known)) all.set(alert.id, alert);
  }
  return { ...feed, items: [...all.values()].sort(newestFirst) };
}
