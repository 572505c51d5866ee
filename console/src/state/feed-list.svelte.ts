/** The feed on the screen: `feed.ts` with the server behind it. It outlives its page, so going back is instant. */

import { call } from '../api/client';
import { asApiError, type ApiError } from '../api/error';
import type { AlertPage, AlertSummary, FeedAlert } from '../api/types';
import { catchUp, EMPTY, type Feed, firstPage, markSeen, nextPage, receive, replace, showWaiting } from './feed';
import { type Filters, DEFAULT_FILTERS } from './filters';
import { countIncidents, incidentsOf } from './incidents';

const PAGE = 50;
/** After a reconnect with more missed pages than this, the list is reloaded instead of merged. */
const CATCH_UP_PAGES = 4;

/** One page of alerts, newest first. */
export function fetchAlerts(filters: Filters, cursor: string | null, limit = PAGE): Promise<AlertPage> {
  const query = {
    limit,
    ...(cursor !== null && { cursor }),
    ...(filters.placement !== null && { placement: filters.placement }),
    ...(filters.kampung !== null && { kampung: filters.kampung }),
    ...(filters.camera !== null && { camera: filters.camera }),
    ...(filters.rule !== null && { rule: filters.rule }),
    ...(filters.states.length > 0 && { state: [...filters.states] }),
    ...(filters.severities.length > 0 && { severity: [...filters.severities] }),
    ...(filters.since !== null && { since: filters.since }),
    ...(filters.until !== null && { until: filters.until }),
  };
  return call('get', '/api/v1/alerts', { query });
}

export class FeedList {
  feed = $state.raw<Feed>(EMPTY);
  filters = $state.raw<Filters>(DEFAULT_FILTERS);
  phase = $state<'idle' | 'loading' | 'ready' | 'failed'>('idle');
  error = $state.raw<ApiError | null>(null);
  loadingMore = $state(false);
  /** The rows to show, one for each incident. */
  rows = $derived(incidentsOf(this.feed.items, this.filters.placement === 'digest'));
  /** Number of incidents with waiting alerts, and with alerts not opened yet. */
  waitingCount = $derived(countIncidents(this.feed.waiting));
  unseenCount = $derived(countIncidents([...this.feed.items, ...this.feed.waiting].filter((one) => this.feed.unseen.has(one.id))));
  /** Whether someone is reading the list, so that no row may move. */
  paused = $state(true);
  /** Scroll position in pixels when the page was left. */
  scrolledTo = 0;
  /** Id of the alert whose row takes the focus on return from its page by keyboard. */
  returnTo: string | null = null;
  #latestRequest = 0;
  /** A live message arrived while the first page was loading, which may not contain it. */
  #missedWhileLoading = false;

  /** Loads the first page. The current rows stay until the response arrives. */
  async load(filters: Filters): Promise<void> {
    const request = ++this.#latestRequest;
    this.filters = filters;
    this.phase = 'loading';
    this.error = null;
    this.loadingMore = false;
    try {
      const page = await fetchAlerts(filters, null);
      if (request !== this.#latestRequest) return;
      this.feed = firstPage(page);
      this.phase = 'ready';
      this.scrolledTo = 0;
      if (this.#missedWhileLoading) void this.catchUp();
    } catch (thrown) {
      const error = asApiError(thrown);
      if (request !== this.#latestRequest) return;
      this.error = error;
      this.phase = 'failed';
    }
  }

  /** Loads the next page, unless there is none or it is loading already. */
  async more(): Promise<void> {
    const { cursor } = this.feed;
    if (cursor === null || this.loadingMore || this.phase !== 'ready') return;
    const request = this.#latestRequest;
    this.loadingMore = true;
    try {
      const page = await fetchAlerts(this.filters, cursor);
      if (request === this.#latestRequest) this.feed = nextPage(this.feed, page);
    } catch (thrown) {
      const error = asApiError(thrown);
      if (request === this.#latestRequest) this.error = error;
    } finally {
      if (request === this.#latestRequest) this.loadingMore = false;
    }
  }

  /** Fetches what the live feed may have missed while disconnected. */
  async catchUp(): Promise<void> {
    if (this.phase === 'failed') return this.load(this.filters);
    this.#missedWhileLoading = this.phase === 'loading';
    if (this.phase !== 'ready') return;
    const request = this.#latestRequest;
    const known = new Set([...this.feed.items, ...this.feed.waiting].map((one) => one.id));
    let cursor: string | null = null;
    try {
      for (let page = 0; page < CATCH_UP_PAGES; page++) {
        const missed: AlertPage = await fetchAlerts(this.filters, cursor);
        if (request !== this.#latestRequest) return;
        this.feed = catchUp(this.feed, missed, this.filters, this.paused);
        cursor = missed.next_cursor;
        if (cursor === null || known.size === 0 || missed.items.some((one) => known.has(one.id))) return;
      }
      await this.load(this.filters);
    } catch (thrown) {
      // Disconnected again: the next reconnect calls this once more.
      asApiError(thrown);
    }
  }

  receive(message: FeedAlert): void {
    if (this.phase === 'ready') this.feed = receive(this.feed, message, this.filters, this.paused);
    else this.#missedWhileLoading = this.phase === 'loading';
  }

  showWaiting(): void {
    this.feed = showWaiting(this.feed);
  }

  markSeen(id: string): void {
    this.feed = markSeen(this.feed, id);
  }

  replace(alert: AlertSummary): void {
    this.feed = replace(this.feed, alert);
  }

  clear(): void {
    this.#latestRequest++;
    this.feed = EMPTY;
    this.phase = 'idle';
    this.error = null;
    this.scrolledTo = 0;
  }
}

export const feedList = new FeedList();
