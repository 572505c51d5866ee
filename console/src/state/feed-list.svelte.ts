/** The feed that is on the screen: `feed.ts` with the server behind it. It outlives its page, so "back" is instant. */

import { call } from '../api/client';
import { asFault, type Fault } from '../api/fault';
import type { AlertPage, AlertSummary, FeedAlert } from '../api/types';
import { catchUp, EMPTY, type Feed, firstPage, nextPage, receive, replace, seen, takeIn } from './feed';
import { type Filters, OPEN } from './filters';
import { countIncidents, incidentsOf } from './incidents';

const PAGE = 50;
/** After a dropped line, more missed pages than this are not put in between: the list is loaded anew. */
const CATCH_UP_PAGES = 4;

/** One page of alerts, newest first. */
export function fetchAlerts(filters: Filters, cursor: string | null, limit = PAGE): Promise<AlertPage> {
  const query = {
    limit,
    ...(cursor !== null && { cursor }),
    ...(filters.place !== null && { place: filters.place }),
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
  filters = $state.raw<Filters>(OPEN);
  phase = $state<'idle' | 'loading' | 'ready' | 'failed'>('idle');
  fault = $state.raw<Fault | null>(null);
  loadingMore = $state(false);
  /** The list as it is shown. */
  rows = $derived(incidentsOf(this.feed.items, this.filters.place === 'digest'));
  /** Incidents with alerts that wait to be taken in, and with alerts that nobody has looked at. */
  waiting = $derived(countIncidents(this.feed.waiting));
  fresh = $derived(countIncidents([...this.feed.items, ...this.feed.waiting].filter((one) => this.feed.fresh.has(one.id))));
  /** Whether somebody reads the list, so that nothing in it may move. */
  held = $state(true);
  /** Where the list was scrolled to when its page was left. */
  scrolledTo = 0;
  /** The alert whose row takes the focus when its page was left by keyboard. */
  returnTo: string | null = null;
  #turn = 0;
  /** Something happened while the first page was under way, which may not contain it. */
  #behind = false;

  /** Loads the list from its top. Unless the filters changed, what is shown stays until the answer is here. */
  async load(filters: Filters): Promise<void> {
    const turn = ++this.#turn;
    this.filters = filters;
    this.phase = 'loading';
    this.fault = null;
    this.loadingMore = false;
    try {
      const page = await fetchAlerts(filters, null);
      if (turn !== this.#turn) return;
      this.feed = firstPage(page);
      this.phase = 'ready';
      this.scrolledTo = 0;
      if (this.#behind) void this.catchUp();
    } catch (thrown) {
      const fault = asFault(thrown);
      if (turn !== this.#turn) return;
      this.fault = fault;
      this.phase = 'failed';
    }
  }

  /** Loads the next page, if there is one and nobody is loading it already. */
  async more(): Promise<void> {
    const { cursor } = this.feed;
    if (cursor === null || this.loadingMore || this.phase !== 'ready') return;
    const turn = this.#turn;
    this.loadingMore = true;
    try {
      const page = await fetchAlerts(this.filters, cursor);
      if (turn === this.#turn) this.feed = nextPage(this.feed, page);
    } catch (thrown) {
      const fault = asFault(thrown);
      if (turn === this.#turn) this.fault = fault;
    } finally {
      if (turn === this.#turn) this.loadingMore = false;
    }
  }

  /** Fetches what the live feed may have missed. */
  async catchUp(): Promise<void> {
    if (this.phase === 'failed') return this.load(this.filters);
    this.#behind = this.phase === 'loading';
    if (this.phase !== 'ready') return;
    const turn = this.#turn;
    const known = new Set([...this.feed.items, ...this.feed.waiting].map((one) => one.id));
    let cursor: string | null = null;
    try {
      for (let page = 0; page < CATCH_UP_PAGES; page++) {
        const missed: AlertPage = await fetchAlerts(this.filters, cursor);
        if (turn !== this.#turn) return;
        this.feed = catchUp(this.feed, missed, this.filters, this.held);
        cursor = missed.next_cursor;
        if (cursor === null || known.size === 0 || missed.items.some((one) => known.has(one.id))) return;
      }
      await this.load(this.filters);
    } catch (thrown) {
      // The line dropped again: it will come back, and this with it.
      asFault(thrown);
    }
  }

  receive(message: FeedAlert): void {
    if (this.phase === 'ready') this.feed = receive(this.feed, message, this.filters, this.held);
    else this.#behind = this.phase === 'loading';
  }

  takeIn(): void {
    this.feed = takeIn(this.feed);
  }

  seen(id: string): void {
    this.feed = seen(this.feed, id);
  }

  replace(alert: AlertSummary): void {
    this.feed = replace(this.feed, alert);
  }

  forget(): void {
    this.#turn++;
    this.feed = EMPTY;
    this.phase = 'idle';
    this.fault = null;
    this.scrolledTo = 0;
  }
}

export const feedList = new FeedList();
