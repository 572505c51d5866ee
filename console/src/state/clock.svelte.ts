/** The time of day, ticking once a second and corrected by what the server says the time is. */

/** The server's Date header has whole seconds and travels: smaller differences mean nothing. */
const TOLERANCE_MS = 2_000;

class Clock {
  /** Milliseconds since the epoch, as the server would say. */
  now = $state(Date.now());
  #offset_ms = 0;

  /** Ticks on the second until the returned function is called. */
  start(): () => void {
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      this.now = Date.now() + this.#offset_ms;
      timer = setTimeout(tick, 1000 - (this.now % 1000) + 5);
    };
    tick();
    return () => clearTimeout(timer);
  }

  /** Corrects the clock by a response's Date header. */
  hear(date: string | null): void {
    if (date === null) return;
    const said = Date.parse(date);
    if (Number.isNaN(said)) return;
    const offset_ms = said + 500 - Date.now();
    if (Math.abs(offset_ms - this.#offset_ms) > TOLERANCE_MS) {
      this.#offset_ms = Math.abs(offset_ms) > TOLERANCE_MS ? offset_ms : 0;
    }
  }

  /** Seconds from a moment until now; never negative. */
  since_s(at: string | number): number {
    const then = typeof at === 'number' ? at : Date.parse(at);
    return Math.max(0, (this.now - then) / 1000);
  }
}

export const clock = new Clock();
