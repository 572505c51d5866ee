import { describe, expect, it } from 'vitest';
import { EventStreamParser, retryDelayMs } from './event-stream';

describe('the event stream', () => {
  it('is read in pieces that are cut anywhere', () => {
    const text = ': keep-alive\n\nid: 7\nevent: alert\ndata: {"a":\ndata: 1}\n\nevent: cameras\r\ndata: {}\r\n\r\n';
    const parser = new EventStreamParser();
    const messages = [...text].flatMap((letter) => parser.push(letter));
    expect(messages).toEqual([
      { event: 'alert', data: '{"a":\n1}', id: '7' },
      { event: 'cameras', data: '{}', id: '7' },
    ]);
  });

  it('yields nothing for a comment or for a message that is not finished', () => {
    const parser = new EventStreamParser();
    expect(parser.push(': still here\n\n')).toEqual([]);
    expect(parser.push('event: alert\ndata: 1\n')).toEqual([]);
    expect(parser.push('\n')).toHaveLength(1);
  });

  it('takes a field without a colon and one with an unknown name', () => {
    const parser = new EventStreamParser();
    expect(parser.push('data\nretry: 10\n\n')).toEqual([{ event: 'message', data: '', id: '' }]);
  });
});

describe('the wait before a new attempt', () => {
  it('doubles, and ends at a quarter of a minute', () => {
    const steady = (attempt: number) => retryDelayMs(attempt, () => 0);
    expect([0, 1, 2, 5, 50].map(steady)).toEqual([500, 1000, 2000, 15_000, 15_000]);
  });

  it('is jittered so that a hundred consoles do not return at once', () => {
    expect(retryDelayMs(3, () => 0.999)).toBeLessThan(retryDelayMs(3, () => 0));
  });
});
