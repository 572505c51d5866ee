import { describe, expect, it } from 'vitest';
import type { AlertDetail } from '../api/types';
import { clipFault, clipState, framesPerSecond, frameStep } from './clip';
import { WORDS } from '../i18n';
import { alertNumber } from '../testing/alerts';

const clip: NonNullable<AlertDetail['clip']> = {
  clip_id: '01980000-0000-7000-8000-000000000001',
  sha256: 'a'.repeat(64),
  size_bytes: 1000,
  media_type: 'video/mp4',
  codec: 'avc1.64001f',
  starts_at: '2026-11-24T05:00:00Z',
  duration_s: 20,
  trigger_offset_s: 10,
  frame_count: 450,
  gaps: [{ starts_s: 4, ends_s: 6 }],
  redacted: false,
  uploaded: true,
  verified: true,
};

function detail(more: Partial<AlertDetail>): AlertDetail {
  return { ...alertNumber(1), events: [], tracks: [], zone_polygon: [], clip: null, clip_fault: null, history: [], notes: [], mates: [], neighbours: [], ...more };
}

const plays = () => true;

describe('a clip', () => {
  it('is recorded, uploaded, and then ready', () => {
    expect(clipState(detail({}), plays)).toBe('recording');
    expect(clipState(detail({ clip: { ...clip, uploaded: false } }), plays)).toBe('uploading');
    expect(clipState(detail({ clip, has_clip: true, clip_expected: false }), plays)).toBe('ready');
  });

  it('in a codec that the browser refuses is asked for by its name and not played', () => {
    const asked: string[] = [];
    const refuses = (type: string) => asked.push(type) < 0;
    const h265 = detail({ clip: { ...clip, codec: 'hvc1.1.6.L93.B0' }, has_clip: true });
    expect(clipState(h265, refuses)).toBe('unplayable');
    expect(asked).toEqual(['video/mp4; codecs="hvc1.1.6.L93.B0"']);
  });

  it('that will never arrive is failed or none', () => {
    expect(clipState(detail({ clip_fault: 'disk full', clip_expected: false }), plays)).toBe('failed');
    expect(clipState(detail({ clip_expected: false }), plays)).toBe('none');
  });

  it('that is there but hidden from this reader is forbidden', () => {
    expect(clipState(detail({ clip, has_clip: false, clip_expected: false }), plays)).toBe('forbidden');
  });

  it('has a frame rate that leaves out its gaps', () => {
    expect(framesPerSecond(clip)).toBe(25);
  });
});

describe('stepping by frames', () => {
  it('lands in the middle of the next one, so that rounding cannot show the same again', () => {
    expect(frameStep(1, 1, 25, 20)).toBeCloseTo(1.06);
    expect(frameStep(1.06, 1, 25, 20)).toBeCloseTo(1.1);
    expect(frameStep(1.06, -1, 25, 20)).toBeCloseTo(1.02);
  });

  it('stays inside the clip', () => {
    expect(frameStep(0, -1, 25, 20)).toBe(0);
    expect(frameStep(20, 1, 25, 20)).toBe(20);
  });
});

it('the reason why a clip will not arrive is in the language of the user', () => {
  const cases: [string, string][] = [
    ['deleted on the device before it was sent: quota', 'terhapus di perangkat sebelum sempat dikirim'],
    ['the worker stopped before the clip was sealed', 'perangkat berhenti sebelum klip selesai'],
    ['the camera had no frame at the trigger, the ring begins later', 'kamera tidak mengirim gambar yang utuh di sekitar saat peringatan'],
    ['none of the 12 packets around the trigger is a keyframe', 'kamera tidak mengirim gambar yang utuh di sekitar saat peringatan'],
    ['the clip could not be written: MemoryError', 'perangkat tidak dapat menyimpannya'],
    ['lightning', 'gangguan pada perangkat (lightning)'],
  ];
  for (const [reported, words] of cases) expect(clipFault(reported, WORDS.id), reported).toBe(words);
  expect(clipFault('lightning', WORDS.en)).toBe('a fault of the device (lightning)');
});
