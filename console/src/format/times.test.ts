import { describe, expect, it } from 'vitest';
import * as format from './times';

const AT = '2026-11-24T07:05:09.400Z';

describe('times', () => {
  it('are written in WIB with Indonesian points', () => {
    expect(format.fullTime(AT, 'id')).toBe('24 Nov 2026 14.05.09 WIB');
  });

  it('name the month in the reader’s language', () => {
    expect(format.calendarDate('2026-05-01T00:00:00Z', 'id')).toBe('1 Mei 2026');
    expect(format.calendarDate('2026-05-01T00:00:00Z', 'en')).toBe('1 May 2026');
  });

  it('turn the day at midnight in Jakarta, not in London', () => {
    expect(format.sameDay('2026-11-24T16:59:59Z', '2026-11-24T17:00:00Z')).toBe(false);
    expect(format.clockTime('2026-11-24T17:00:00Z')).toBe('00.00.00');
  });

  it('survive the way through a date input', () => {
    expect(format.wibInputToIso('2026-11-24T14:05')).toBe('2026-11-24T07:05:00.000Z');
    expect(format.isoToWibInput('2026-11-24T07:05:00.000Z')).toBe('2026-11-24T14:05');
    expect(format.wibInputToIso('yesterday')).toBeUndefined();
    expect(format.isoToWibInput('yesterday')).toBe('');
  });
});

describe('durations', () => {
  it.each([
    [40, '40 dtk', '40 s'],
    [60, '1 mnt', '1 min'],
    [160, '2 mnt 40 dtk', '2 min 40 s'],
    [3600, '1 jam', '1 h'],
    [5400, '1 jam 30 mnt', '1 h 30 min'],
    [-3, '0 dtk', '0 s'],
  ])('%d s is the sentence of the server’s reasons', (seconds, indonesian, english) => {
    expect(format.duration(seconds, 'id')).toBe(indonesian);
    expect(format.duration(seconds, 'en')).toBe(english);
  });

  it('as ages keep one unit', () => {
    expect([59, 61, 7300, 200_000].map((s) => format.age(s, 'id'))).toEqual(['59 dtk', '1 mnt', '2 jam', '2 hari']);
  });

  it('on a clip count tenths', () => {
    expect(format.clipTime(72.44, 'id')).toBe('1.12,4');
    expect(format.clipTime(9.96, 'en')).toBe('0:10.0');
  });
});

describe('numbers', () => {
  it('use the language’s separators', () => {
    expect(format.number(1234.5, 'id', 1)).toBe('1.234,5');
    expect(format.number(1234.5, 'en', 1)).toBe('1,234.5');
  });

  it('never claim an exact clock', () => {
    expect(format.uncertainty(0, 'id')).toBe('± 0,1 dtk');
    expect(format.uncertainty(0.24, 'en')).toBe('± 0.2 s');
    expect(format.uncertainty(25, 'id')).toBe('± 25 dtk');
    expect(format.uncertainty(200, 'id')).toBe('± 3 mnt');
  });

  it('from the trigger carry their sign', () => {
    expect(format.signedSeconds(7, 'id')).toBe('+7,0 dtk');
    expect(format.signedSeconds(-0.52, 'en')).toBe('−0.5 s');
  });
});
