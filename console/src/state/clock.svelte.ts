/** The current time, updated every second and corrected to the server's clock. */

import { onServerDate } from '../api/client';

/** Smaller offsets are not significant: the Date header has whole seconds and travel time. */
const TOLERANCE_MS = 2_000;

class Clock {
  /** Milliseconds since the epoch, by the server's clock. */
  now = $state(Date.now());
  #offset_ms = 0;

  constructor() {
    onServerDate((date) => this.#synchronise(date));
  }

  /** Ticks at the start of each second until the returned function is called. */
  start(): () => void {
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      this.now = Date.now() + this.#offset_ms;
      timer = setTimeout(tick, 1000 - (this.now % 1000) + 5);
    };
    tick();
    return () => clearTimeout(timer);
  }

  /** Corrects the clock to a response's Date header, which is truncated to seconds: half a second is added. */
  #synchronise(date: string): void {
    const server_ms = Date.parse(date);
    if (Number.isNaN(server_ms)) return;
    const offset_ms = server_ms + 500 - Date.now();
    if (Math.abs(offset_ms - this.#offset_ms) > TOLERANCE_MS) {
      this.#offset_ms = Math.abs(offset_ms) > TOLERANCE_MS ? offset_ms : 0;
    }
  }

  /** Seconds from `at` (ISO time, or milliseconds since the epoch) until now; never negative. */
  since_s(at: string | number): number {
    const then = typeof at === 'number' ? at : Date.parse(at);
    return Math.max(0, (this.now - then) / 1000);
  }
}

export const clock = new Clock();
