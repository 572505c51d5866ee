/**
 * The feed as an immutable value: pure functions combine pages from the server with live messages.
 *
 * Two rules keep the list stable. While `paused` is set because someone is reading, new alerts wait until they are
 * requested. An alert that no longer matches the filters (for example because it was just acknowledged) is updated in
 * place and stays until the list is reloaded.
 */

import type { AlertSummary, FeedAlert } from '../api/types';
import { type Filters, matches } from './filters';

export type Feed = {
  /** Newest first. */
  readonly items: readonly AlertSummary[];
  /** New alerts that wait until they are requested, newest first. */
  readonly waiting: readonly AlertSummary[];
  /** Cursor of the next page; null at the end of the list. */
  readonly cursor: string | null;
  /** Ids of alerts that arrived while this list was open and have not been opened. */
  readonly unseen: ReadonlySet<string>;
};

export const EMPTY: Feed = { items: [], waiting: [], cursor: null, unseen: new Set() };

type Page = { readonly items: readonly AlertSummary[]; readonly next_cursor?: string | null };

/** Newest first, the order of the server's pages. */
export function newestFirst(a: AlertSummary, b: AlertSummary): number {
  return Date.parse(b.captured_at) - Date.parse(a.captured_at) || (a.id < b.id ? 1 : -1);
}

/** A new list from its first page. */
export function firstPage(page: Page): Feed {
  return { items: page.items, waiting: [], cursor: page.next_cursor ?? null, unseen: new Set() };
}

/** The list with the next page appended. */
export function nextPage(feed: Feed, page: Page): Feed {
  return { ...merge(feed, page.items), cursor: page.next_cursor ?? null };
}

/** The list after one live message. */
export function receive(feed: Feed, message: FeedAlert, filters: Filters, paused: boolean): Feed {
  const { alert } = message;
  const known = find(feed, alert.id);
  if (known !== undefined) return isOlder(alert, known) ? feed : replace(feed, alert);
  // When an incident leaves the digest (`raised`), its existing alerts are new to this list.
  if ((message.kind !== 'created' && !message.raised) || !matches(alert, filters)) return feed;
  const unseen = new Set(feed.unseen).add(alert.id);
  if (paused) return { ...feed, unseen, waiting: [alert, ...feed.waiting].sort(newestFirst) };
  return { ...feed, unseen, items: [alert, ...feed.items].sort(newestFirst) };
}

/** The list after a page was fetched again following a reconnect: missed alerts arrive as new. */
export function catchUp(feed: Feed, page: Page, filters: Filters, paused: boolean): Feed {
  return [...page.items]
    .reverse()
    .reduce((list, alert) => receive(list, { kind: 'created', alert, raised: false }, filters, paused), feed);
}

/** The list with the waiting alerts merged in. */
export function showWaiting(feed: Feed): Feed {
  return { ...merge(feed, feed.waiting), waiting: [] };
}

/** The list after an alert was opened. */
export function markSeen(feed: Feed, id: string): Feed {
  if (!feed.unseen.has(id)) return feed;
  const unseen = new Set(feed.unseen);
  unseen.delete(id);
  return { ...feed, unseen };
}

/** The list with an alert replaced by a newer version. Once handled by anyone, it counts as seen. */
export function replace(feed: Feed, alert: AlertSummary): Feed {
  const swap = (one: AlertSummary) => (one.id === alert.id ? alert : one);
  const now = { ...feed, items: feed.items.map(swap), waiting: feed.waiting.map(swap) };
  return alert.state === 'new' ? now : markSeen(now, alert.id);
}

/** Whether `a` is older than `b`: `version` counts people's decisions, `updated_at` orders everything else. */
function isOlder(a: AlertSummary, b: AlertSummary): boolean {
  return a.version < b.version || (a.version === b.version && Date.parse(a.updated_at) < Date.parse(b.updated_at));
}

function find(feed: Feed, id: string): AlertSummary | undefined {
  return feed.items.find((one) => one.id === id) ?? feed.waiting.find((one) => one.id === id);
}

function merge(feed: Feed, alerts: readonly AlertSummary[]): Feed {
  const all = new Map(feed.items.map((one) => [one.id, one]));
  for (const alert of alerts) {
    const known = all.get(alert.id);
    if (known === undefined || !isOlder(alert, known)) all.set(alert.id, alert);
  }
  return { ...feed, items: [...all.values()].sort(newestFirst) };
}
