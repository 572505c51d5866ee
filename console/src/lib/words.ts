/** Sentences that are put together from an alert's facts. */

import type { AlertSummary, AuditItem } from '../api/types';
import type { Language, Words } from '../i18n';
import { duration, number } from './format';

/** The behaviours that are about how many people there are. */
const CROWD: ReadonlySet<AlertSummary['rule']> = new Set(['group', 'occupancy', 'density', 'unusual_count', 'gathering', 'dispersal']);

/** The behaviour with its measure: `Berkeliaran 2 mnt 40 dtk`, `Terlalu ramai, 7 orang`. */
export function behaviour(alert: AlertSummary, words: Words, language: Language): string {
  const name = words.rule[alert.rule];
  const params = new Map(alert.reasons.flatMap((reason) => Object.entries(reason.params)));
  if (CROWD.has(alert.rule)) return `${name}, ${words.people(number(params.get('count') ?? alert.people_count, language))}`;
  const dwell_s = params.get('dwell_s');
  return dwell_s === undefined ? name : `${name} ${duration(dwell_s, language)}`;
}

/** The reasons as one sentence in the reader's language. */
export function sentence(alert: AlertSummary, language: Language): string {
  return language === 'id' ? alert.sentence_id : alert.sentence_en;
}

/** `user:sari` as `sari`; devices and the server keep their kind. */
export function actorName(actor: string): string {
  return actor.startsWith('user:') ? actor.slice(5) : actor.replace(':', ' ');
}

/** What an audit entry says was done; an action that has no words yet is shown as it is. */
export function actionName(entry: AuditItem, words: Words): string {
  return words.audit.actions[entry.action] ?? entry.action;
}
