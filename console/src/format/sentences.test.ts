import { describe, expect, it } from 'vitest';
import { WORDS } from '../i18n';
import { RULES } from '../state/filters';
import { alertNumber } from '../testing/alerts';
import { actorName, behaviour, otherReasons } from './sentences';

const reason = (code: string, params: Record<string, number>) => ({ code, params, text_id: '', text_en: '' });

describe('a behaviour in words', () => {
  it('includes the duration of a stay', () => {
    const alert = alertNumber(1, { reasons: [reason('stayed', { dwell_s: 160 })] });
    expect(behaviour(alert, WORDS.id, 'id')).toBe('Berada lama 2 mnt 40 dtk');
    expect(behaviour(alert, WORDS.en, 'en')).toBe('Loitering 2 min 40 s');
  });

  it('includes the full duration once the stay has ended', () => {
    const stay = { began_at: '2026-11-24T05:00:00Z', ended_at: '2026-11-24T05:03:05Z' };
    const alert = alertNumber(1, { ...stay, reasons: [reason('stayed', { dwell_s: 20 })] });
    expect(behaviour(alert, WORDS.id, 'id')).toBe('Berada lama 3 mnt 5 dtk');
    expect(behaviour({ ...alert, ended_at: null }, WORDS.id, 'id')).toBe('Berada lama 20 dtk');
    // A device clock that was set back does not shorten a measured stay.
    expect(behaviour({ ...alert, ended_at: '2026-11-24T04:00:00Z' }, WORDS.id, 'id')).toBe('Berada lama 20 dtk');
    // Several visits are not one long stay.
    const visits = alertNumber(1, { ...stay, rule: 'revisit', reasons: [reason('stayed_together_in_all', { dwell_s: 90 })] });
    expect(behaviour(visits, WORDS.id, 'id')).toBe('Berulang kali datang 1 mnt 30 dtk');
  });

  it('includes the number of people', () => {
    const alert = alertNumber(1, { rule: 'occupancy', people_count: 9, reasons: [reason('people_over_capacity', { count: 7, capacity: 5 })] });
    expect(behaviour(alert, WORDS.id, 'id')).toBe('Terlalu ramai, 7 orang');
  });

  it('gives an estimate as a range', () => {
    const reasons = [reason('people_estimated', { low: 31.4, high: 78.2, figures: 50 }), reason('estimate_over_capacity', { capacity: 20 })];
    const alert = alertNumber(1, { rule: 'occupancy', people_count: 4, reasons });
    expect(behaviour(alert, WORDS.id, 'id')).toBe('Terlalu ramai, ± 31–78 orang');
    expect(behaviour(alert, WORDS.en, 'en')).toContain('± 31–78 people');
  });

  it('stands alone when there is no measure', () => {
    expect(behaviour(alertNumber(1), WORDS.id, 'id')).toBe('Berada lama');
    expect(behaviour(alertNumber(1, { rule: 'gathering', people_count: 1200 }), WORDS.id, 'id')).toBe('Berkumpul, 1.200 orang');
  });

  it('has a name in both languages for every rule', () => {
    for (const rule of RULES) expect([WORDS.id.rule[rule], WORDS.en.rule[rule]].every(Boolean), rule).toBe(true);
    expect(Object.keys(WORDS.id.rule).sort()).toEqual([...RULES].sort());
  });
});

it('the other reasons make a sentence that does not repeat the stay', () => {
  const texts = { text_id: 'lebih lama dari batas 1 mnt', text_en: 'longer than the limit of 1 min' };
  const over = { ...reason('stayed_over_threshold', { threshold_s: 60 }), ...texts };
  const alert = alertNumber(1, { reasons: [reason('stayed', { dwell_s: 160 }), over] });
  expect(otherReasons(alert, 'id')).toBe('Lebih lama dari batas 1 mnt');
  expect(otherReasons(alert, 'en')).toBe('Longer than the limit of 1 min');
  expect(otherReasons(alertNumber(1), 'id')).toBe('');
});

it('an actor is shown by log-in name, or by kind and name', () => {
  expect(actorName('user:sari', WORDS.id)).toBe('sari');
  expect(actorName('device:kotak-1', WORDS.id)).toBe('perangkat kotak-1');
  expect(actorName('server', WORDS.id)).toBe('server pusat');
  expect(actorName('shell:root', WORDS.id)).toBe('shell:root');
});
