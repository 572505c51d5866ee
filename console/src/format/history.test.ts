import { expect, it } from 'vitest';
import type { AlertDetail } from '../api/types';
import { WORDS } from '../i18n';
import { alertNumber } from '../testing/alerts';
import { historyLines } from './history';

const opened = { actor: 'device:kotak-1', kind: 'opened', from_state: null, to_state: 'new', verdict: null, note: null } as const;
const closed = { actor: 'user:sari', kind: 'transition', from_state: 'new', to_state: 'dismissed', verdict: 'normal_activity', note: 'tukang sayur' } as const;

const reason = (code: string, text_id: string, text_en: string) => ({ code, params: {}, text_id, text_en });

type EventBrief = AlertDetail['events'][number];

function detail(ending: 'left_zone' | 'silent' | 'none'): AlertDetail {
  const event = { id: '', severity: 'warning', score: 0.8, people_count: 1 } as const;
  const began: EventBrief = { ...event, phase: 'began', reasons: [reason('stayed', 'berada', 'stayed')], captured_at: '2026-11-24T05:00:00Z', received_at: '2026-11-24T05:00:01Z' };
  const left = ending === 'left_zone' ? [reason('left_zone', 'sudah meninggalkan zona', 'left the zone')] : [];
  const ended: EventBrief = { ...event, phase: 'ended', reasons: left, captured_at: '2026-11-24T05:01:00Z', received_at: '2026-11-24T05:01:12Z' };
  return {
    ...alertNumber(1),
    events: ending === 'none' ? [began] : [began, ended],
    tracks: [],
    zone_polygon: [],
    clip: null,
    clip_fault: null,
    history: [
      { ...opened, at: '2026-11-24T05:00:01Z' },
      { ...closed, at: '2026-11-24T05:03:00Z' },
    ],
    notes: [],
    mates: [],
    neighbours: [],
  };
}

it('the history lists how and why the behaviour ended, between the decisions', () => {
  expect(historyLines(detail('left_zone'), WORDS.id, 'id').map((line) => [line.text, line.who, line.note])).toEqual([
    ['Peringatan dibuat', 'perangkat kotak-1', null],
    ['Perilaku berakhir pukul 12.01.00: sudah meninggalkan zona', 'perangkat kotak-1', null],
    ['Menjadi: Ditutup, tidak perlu tindakan (Kegiatan biasa)', 'sari', 'tukang sayur'],
  ]);
  expect(historyLines(detail('left_zone'), WORDS.en, 'en')[1]?.text).toBe('The behaviour ended at 12.01.00: left the zone');
});

it('an end without a reason is listed without one', () => {
  expect(historyLines(detail('silent'), WORDS.id, 'id')[1]?.text).toBe('Perilaku berakhir pukul 12.01.00');
});

it('an ongoing behaviour has no end', () => {
  expect(historyLines(detail('none'), WORDS.id, 'id')).toHaveLength(2);
});
