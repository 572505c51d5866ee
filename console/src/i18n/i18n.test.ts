import { describe, expect, it } from 'vitest';
import { ALERT_KEYS, FEED_KEYS } from '../state/keys';
import { WORDS } from '.';

/** Every string with its path; functions are called with arguments that are easy to find in the result. */
function sentences(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value === 'function') {
    const result: unknown = value('‹1›', '‹2›', '‹3›');
    return [[path, String(result)]];
  }
  return Object.entries(value as object).flatMap(([key, inner]) => sentences(inner, `${path}.${key}`));
}

const indonesian = new Map(sentences(WORDS.id));
const english = new Map(sentences(WORDS.en));

describe('the two languages', () => {
  it('have the same keys', () => {
    expect([...english.keys()].sort()).toEqual([...indonesian.keys()].sort());
  });

  it('leave no string empty', () => {
    for (const [path, text] of [...indonesian, ...english]) expect(text.trim(), path).not.toBe('');
  });

  it('use the same values in each string', () => {
    const values = (text: string) => [...text.matchAll(/‹\d›/g)].map(String).sort();
    for (const [path, text] of indonesian) expect(values(english.get(path) ?? ''), path).toEqual(values(text));
  });

  it('speak of behaviour and never of suspects', () => {
    for (const [path, text] of [...indonesian, ...english]) expect(text, path).not.toMatch(/tersangka|suspect|pelaku/i);
    expect(WORDS.id.behaviour).toBe('Perilaku teramati');
  });

  it('count one and many', () => {
    expect([WORDS.en.feed.count('1'), WORDS.en.feed.count('2')]).toEqual(['1 incident', '2 incidents']);
    expect([WORDS.en.people('1'), WORDS.en.people('± 31–78')]).toEqual(['1 person', '± 31–78 people']);
  });

  it('explain every key', () => {
    for (const action of [...Object.values(FEED_KEYS), ...Object.values(ALERT_KEYS)]) {
      expect(WORDS.id.help.does).toHaveProperty([action]);
    }
  });
});
