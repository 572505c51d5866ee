/**
 * Parser for `text/event-stream` (HTML standard, section 9.2.6).
 *
 * The browser's EventSource hides comments, and therefore the keep-alives that distinguish a dead connection from a
 * quiet one. So the console parses the stream itself.
 */

export type StreamMessage = { readonly event: string; readonly data: string; readonly id: string };

export class EventStreamParser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id = '';

  /** Takes the next chunk of text, split anywhere, and returns the messages that it completes. */
  push(text: string): StreamMessage[] {
    this.#rest += text;
    const messages: StreamMessage[] = [];
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#rest);
      if (end === null) return messages;
      const line = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      if (line === '') this.#dispatch(messages);
      else this.#field(line);
    }
  }

  #dispatch(messages: StreamMessage[]): void {
    if (this.#data.length > 0) {
      messages.push({ event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id });
    }
    this.#event = '';
    this.#data = [];
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
  }
}

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

/** Milliseconds to wait before a retry (attempt 0 is the first): doubling up to 15 s, reduced by up to 25 % of jitter. */
export function retryDelayMs(attempt: number, random: () => number = Math.random): number {
  const base = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10));
  return Math.round(base * (1 - 0.25 * random()));
}
