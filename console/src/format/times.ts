/** Formats times (always WIB), durations and numbers in the user's language. */

import type { Language } from '../i18n';

const ZONE = 'Asia/Jakarta';
const MONTHS: Record<Language, readonly string[]> = {
  id: ['Jan', 'Feb', 'Mar', 'Apr', 'Mei', 'Jun', 'Jul', 'Agu', 'Sep', 'Okt', 'Nov', 'Des'],
  en: ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
};
const UNITS: Record<Language, { hour: string; minute: string; second: string; day: string }> = {
  id: { day: 'hari', hour: 'jam', minute: 'mnt', second: 'dtk' },
  en: { day: 'd', hour: 'h', minute: 'min', second: 's' },
};

const wallClock = new Intl.DateTimeFormat('en-GB', {
  timeZone: ZONE,
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

type WallTime = { year: string; month: number; day: number; hour: string; minute: string; second: string };

function wallTime(at: Date): WallTime {
  const parts = new Map(wallClock.formatToParts(at).map((part) => [part.type, part.value]));
  const text = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '';
  return {
    year: text('year'),
    month: Number(text('month')),
    day: Number(text('day')),
    hour: text('hour'),
    minute: text('minute'),
    second: text('second'),
  };
}

/** `14.05.09`, in WIB. */
export function clockTime(at: Date | string): string {
  const t = wallTime(new Date(at));
  return `${t.hour}.${t.minute}.${t.second}`;
}

/** `24 Nov 2026`, in WIB. */
export function calendarDate(at: Date | string, language: Language): string {
  const t = wallTime(new Date(at));
  return `${t.day} ${MONTHS[language][t.month - 1] ?? ''} ${t.year}`;
}

/** `24 Nov 2026 14.05.09 WIB`. */
export function fullTime(at: Date | string, language: Language): string {
  return `${calendarDate(at, language)} ${clockTime(at)} WIB`;
}

/** Whether both times fall on the same day in Jakarta. */
export function sameDay(a: Date | string, b: Date | string): boolean {
  return calendarDate(a, 'id') === calendarDate(b, 'id');
}

/** `2 mnt 40 dtk` or `2 min 40 s`: the same words as the server's reasons. */
export function duration(seconds: number, language: Language): string {
  const unit = UNITS[language];
  const whole = Math.round(Math.max(0, seconds));
  if (whole < 60) return `${whole} ${unit.second}`;
  if (whole < 3600) {
    const rest = whole % 60;
    return `${Math.floor(whole / 60)} ${unit.minute}` + (rest ? ` ${rest} ${unit.second}` : '');
  }
  const minutes = Math.floor((whole % 3600) / 60);
  return `${Math.floor(whole / 3600)} ${unit.hour}` + (minutes ? ` ${minutes} ${unit.minute}` : '');
}

/** An age in its largest whole unit: `40 dtk`, `12 mnt`, `3 jam`, `2 hari`. */
export function age(seconds: number, language: Language): string {
  const unit = UNITS[language];
  const whole = Math.floor(Math.max(0, seconds));
  if (whole < 60) return `${whole} ${unit.second}`;
  if (whole < 3600) return `${Math.floor(whole / 60)} ${unit.minute}`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} ${unit.hour}`;
  return `${Math.floor(whole / 86_400)} ${unit.day}`;
}

/** A number with the language's separators: `1.234,5` in Indonesian, `1,234.5` in English. */
export function number(value: number, language: Language, decimals = 0): string {
  return new Intl.NumberFormat(language === 'id' ? 'id-ID' : 'en-GB', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(value);
}

/** `± 0,2 dtk`, or `± 3 mnt` from one minute on; at least 0.1 s, because no clock is exact. */
export function uncertainty(seconds: number, language: Language): string {
  if (seconds >= 60) return `± ${age(seconds, language)}`;
  const shown = Math.max(0.1, seconds);
  return `± ${number(shown, language, shown < 10 ? 1 : 0)} ${UNITS[language].second}`;
}

/** A position in a clip, as minutes, seconds and tenths: `0.12,4`. */
export function clipTime(seconds: number, language: Language): string {
  const tenths = Math.round(Math.max(0, seconds) * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = String(Math.floor((tenths % 600) / 10)).padStart(2, '0');
  return language === 'id' ? `${minutes}.${rest},${tenths % 10}` : `${minutes}:${rest}.${tenths % 10}`;
}

/** An offset from the time of the alert: `+7,0 dtk`, `−0.5 s`. */
export function signedSeconds(seconds: number, language: Language): string {
  const sign = seconds < 0 ? '−' : '+';
  return `${sign}${number(Math.abs(seconds), language, 1)} ${UNITS[language].second}`;
}

/** A value of `<input type="datetime-local">`, read as WIB (UTC+7, no daylight saving), as an ISO time in UTC. */
export function wibInputToIso(value: string): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(value)) return undefined;
  const at = new Date(`${value}${value.length === 16 ? ':00' : ''}+07:00`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** The inverse: an ISO time as the value of `<input type="datetime-local">` in WIB. */
export function isoToWibInput(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return '';
  return new Date(at.getTime() + 7 * 3_600_000).toISOString().slice(0, 16);
}
