/** The live feed: one stream for the whole console, that says when it has dropped and comes back by itself. */

import { sessionEnded } from '../api/client';
import type { CameraStatus, FeedAlert, FeedCameras } from '../api/types';
import { clock } from './clock.svelte';
import { EventStreamParser, retryDelayMs, type StreamMessage } from './event-stream';

/** The server says something at least every 15 s; two missed words and a bit are a dead line. */
const SILENCE_MS = 35_000;

export type Listener = {
  alert(message: FeedAlert): void;
  cameras(cameras: readonly CameraStatus[]): void;
  /** The stream (re)opened: what happened in between must be fetched. */
  opened(): void;
};

class Live {
  phase = $state<'connecting' | 'live' | 'down'>('connecting');
  /** When the server last said anything, by `clock.now`; null before the first word. */
  lastContact = $state<number | null>(null);
  #lastId = '';
  #stop: AbortController | null = null;
  #line: AbortController | null = null;
  #wake: () => void = () => undefined;

  /** Listens until the returned function is called. */
  start(listener: Listener): () => void {
    const stop = new AbortController();
    this.#stop = stop;
    this.phase = 'connecting';
    this.lastContact = null;
    this.#lastId = '';
    const signal = stop.signal;
    addEventListener('online', () => this.retryNow(), { signal });
    addEventListener('offline', () => this.#line?.abort(), { signal });
    void this.#keepListening(listener, signal);
    return () => {
      stop.abort();
      this.#line?.abort();
      this.#wake();
    };
  }

  /** Ends the wait before the next attempt. */
  retryNow(): void {
    this.#wake();
  }

  async #keepListening(listener: Listener, stopped: AbortSignal): Promise<void> {
    let attempt = 0;
    while (!stopped.aborted) {
      const heard = await this.#listenOnce(listener);
      if (stopped.aborted || this.#stop?.signal !== stopped) return;
      this.phase = 'down';
      attempt = heard ? 0 : attempt + 1;
      await this.#pause(retryDelayMs(attempt));
    }
  }

  /** One connection, from its opening to its end. Returns whether it was ever open. */
  async #listenOnce(listener: Listener): Promise<boolean> {
    const line = new AbortController();
    this.#line = line;
    let opened = false;
    let watchdog = setTimeout(() => line.abort(), SILENCE_MS);
    try {
      const query = this.#lastId ? `?last_event_id=${encodeURIComponent(this.#lastId)}` : '';
      const response = await fetch(`/api/v1/feed${query}`, {
        headers: { Accept: 'text/event-stream' },
        cache: 'no-store',
        signal: line.signal,
      });
      if (response.status === 401) {
        sessionEnded();
        return false;
      }
      if (!response.ok || response.body === null) return false;
      opened = true;
      this.phase = 'live';
      this.lastContact = clock.now;
      listener.opened();
      const parser = new EventStreamParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return opened;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => line.abort(), SILENCE_MS);
        this.lastContact = clock.now;
        for (const message of parser.push(value)) this.#deliver(message, listener);
      }
    } catch (thrown) {
      if (brokenLine(thrown)) return opened;
      throw thrown;
    } finally {
      clearTimeout(watchdog);
    }
  }

  #deliver(message: StreamMessage, listener: Listener): void {
    if (message.id) this.#lastId = message.id;
    if (message.event === 'alert') listener.alert(JSON.parse(message.data) as FeedAlert);
    else if (message.event === 'cameras') {
      listener.cameras((JSON.parse(message.data) as FeedCameras).cameras);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A dropped line is a TypeError, one that we gave up an AbortError, half a message a SyntaxError: all mean "try again". */
function brokenLine(thrown: unknown): boolean {
  if (thrown instanceof DOMException) return thrown.name === 'AbortError';
  return thrown instanceof TypeError || thrown instanceof SyntaxError;
}

export const live = new Live();
