/** Sentences built from the facts of an alert or an audit entry. */

import type { AlertSummary, AuditItem } from '../api/types';
import type { Language, Words } from '../i18n';
import { duration, number } from './times';

/** Behaviours that are measured by the number of people. */
const CROWD: ReadonlySet<AlertSummary['rule']> = new Set(['group', 'occupancy', 'density', 'unusual_count', 'gathering', 'dispersal']);

/**
 * The behaviour with its measure: `Berada lama 2 mnt 40 dtk`, `Terlalu ramai, 7 orang`. The duration of a stay is that
 * at the time of the alert, and the full duration once the stay has ended.
 */
export function behaviour(alert: AlertSummary, words: Words, language: Language): string {
  const name = words.ruleShort[alert.rule] ?? words.rule[alert.rule];
  const params = new Map(alert.reasons.flatMap((reason) => Object.entries(reason.params)));
  const [low, high] = [params.get('low'), params.get('high')];
  // A crowd that is too dense to count has an estimated range, never a single number.
  if (low !== undefined && high !== undefined) return `${name}, ${words.people(`± ${number(low, language)}–${number(high, language)}`)}`;
  if (CROWD.has(alert.rule)) return `${name}, ${words.people(number(params.get('count') ?? alert.people_count, language))}`;
  const raised_s = params.get('dwell_s');
  if (raised_s === undefined) return name;
  const oneStay = alert.reasons.some((reason) => reason.code === 'stayed');
  const whole_s = alert.ended_at !== null && oneStay ? (Date.parse(alert.ended_at) - Date.parse(alert.began_at)) / 1000 : 0;
  return `${name} ${duration(Math.max(raised_s, whole_s), language)}`;
}

/** The reasons as one sentence in the user's language, without the stay, which `behaviour` already gives. */
export function otherReasons(alert: AlertSummary, language: Language): string {
  const sentence = alert.reasons
    .filter((reason) => reason.code !== 'stayed')
    .map((reason) => (language === 'id' ? reason.text_id : reason.text_en))
    .join(', ');
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

/** `user:sari` as `sari`, `device:kotak-1` as `perangkat kotak-1`; unknown kinds are shown unchanged. */
export function actorName(actor: string, words: Words): string {
  const [kind, name, ...more] = actor.split(':');
  if (name === undefined || more.length > 0) return actor === 'server' ? words.actor.server : actor;
  if (kind === 'user') return name;
  return kind === 'device' ? `${words.actor.device} ${name}` : actor;
}

/** The action of an audit entry; unknown actions are shown unchanged. */
export function actionName(entry: AuditItem, words: Words): string {
  return words.audit.actions[entry.action] ?? entry.action;
}
