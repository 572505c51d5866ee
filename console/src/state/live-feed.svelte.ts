/** The live feed: one event stream for the whole console, with a connection state and automatic reconnection. */

import { reportSessionEnded } from '../api/client';
import type { CameraStatus, FeedAlert, FeedCameras } from '../api/types';
import { clock } from './clock.svelte';
import { EventStreamParser, retryDelayMs, type StreamMessage } from './event-stream';

/** The server sends a keep-alive at least every 15 s: two missed ones and a margin mean a dead connection. */
const SILENCE_TIMEOUT_MS = 35_000;

export type FeedListener = {
  onAlert(message: FeedAlert): void;
  onCameras(cameras: readonly CameraStatus[]): void;
  /** The stream has connected or reconnected: fetch what happened in between. */
  onConnected(): void;
};

class LiveFeed {
  phase = $state<'connecting' | 'live' | 'down'>('connecting');
  /** When the server last sent anything, by `clock.now`; null before the first byte. */
  lastContact = $state<number | null>(null);
  #lastId = '';
  #stop: AbortController | null = null;
  #connection: AbortController | null = null;
  #endPause: () => void = () => undefined;

  /** Connects, and reconnects after every failure, until the returned function is called. */
  start(listener: FeedListener): () => void {
    const stop = new AbortController();
    this.#stop = stop;
    this.phase = 'connecting';
    this.lastContact = null;
    this.#lastId = '';
    const signal = stop.signal;
    addEventListener('online', () => this.retryNow(), { signal });
    addEventListener('offline', () => this.#connection?.abort(), { signal });
    void this.#run(listener, signal);
    return () => {
      stop.abort();
      this.#connection?.abort();
      this.#endPause();
    };
  }

  /** Reconnects at once instead of waiting for the next attempt. */
  retryNow(): void {
    this.#endPause();
  }

  async #run(listener: FeedListener, stopped: AbortSignal): Promise<void> {
    let attempt = 0;
    while (!stopped.aborted) {
      const connected = await this.#connectOnce(listener);
      if (stopped.aborted || this.#stop?.signal !== stopped) return;
      this.phase = 'down';
      attempt = connected ? 0 : attempt + 1;
      await this.#pause(retryDelayMs(attempt));
    }
  }

  /** One connection, from request to end of stream. Returns whether the server accepted it. */
  async #connectOnce(listener: FeedListener): Promise<boolean> {
    const connection = new AbortController();
    this.#connection = connection;
    let opened = false;
    let watchdog = setTimeout(() => connection.abort(), SILENCE_TIMEOUT_MS);
    try {
      const query = this.#lastId ? `?last_event_id=${encodeURIComponent(this.#lastId)}` : '';
      const response = await fetch(`/api/v1/feed${query}`, {
        headers: { Accept: 'text/event-stream' },
        cache: 'no-store',
        signal: connection.signal,
      });
      if (response.status === 401) {
        reportSessionEnded();
        return false;
      }
      if (!response.ok || response.body === null) return false;
      opened = true;
      this.phase = 'live';
      this.lastContact = clock.now;
      listener.onConnected();
      const parser = new EventStreamParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return opened;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => connection.abort(), SILENCE_TIMEOUT_MS);
        this.lastContact = clock.now;
        for (const message of parser.push(value)) this.#dispatch(message, listener);
      }
    } catch (thrown) {
      if (isConnectionError(thrown)) return opened;
      throw thrown;
    } finally {
      clearTimeout(watchdog);
    }
  }

  #dispatch(message: StreamMessage, listener: FeedListener): void {
    if (message.id) this.#lastId = message.id;
    if (message.event === 'alert') listener.onAlert(JSON.parse(message.data) as FeedAlert);
    else if (message.event === 'cameras') {
      listener.onCameras((JSON.parse(message.data) as FeedCameras).cameras);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Whether to reconnect: fetch fails with a TypeError, our own abort with an AbortError, a truncated message with a SyntaxError. */
function isConnectionError(thrown: unknown): boolean {
  if (thrown instanceof DOMException) return thrown.name === 'AbortError';
  return thrown instanceof TypeError || thrown instanceof SyntaxError;
}

export const liveFeed = new LiveFeed();
