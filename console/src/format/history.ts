/** The history of an alert as lines: what people decided, and how the behaviour ended. */

import type { AlertDetail } from '../api/types';
import type { Language, Words } from '../i18n';
import { clockTime } from './times';
import { actorName } from './sentences';

export type Line = {
  readonly at: string;
  readonly text: string;
  readonly who: string;
  readonly note: string | null;
};

type Entry = AlertDetail['history'][number];

/** The lines of an alert's history, in the order in which the server received them. */
export function historyLines(alert: AlertDetail, words: Words, language: Language): Line[] {
  const lines = alert.history.map((entry) => ({
    at: entry.at,
    text: entry.kind === 'opened' && alert.spot_check_chance !== null ? words.spotChecks.opened : describe(entry, words),
    who: actorName(entry.actor, words),
    note: entry.note,
  }));
  const end = alert.events.findLast((event) => event.phase === 'ended');
  if (end !== undefined) {
    const why = end.reasons.map((reason) => (language === 'id' ? reason.text_id : reason.text_en)).join(', ');
    const device = alert.history.find((entry) => entry.kind === 'opened')?.actor ?? '';
    const text = words.alert.endedAt(clockTime(end.captured_at), why);
    lines.push({ at: end.received_at, text, who: actorName(device, words), note: null });
  }
  return lines.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function describe(entry: Entry, words: Words): string {
  if (entry.kind === 'opened') return words.alert.opened;
  if (entry.kind === 'late_facts' || entry.kind === 'other_clip' || entry.kind === 'reopened')
    return words.alert[entry.kind];
  if (entry.kind === 'note' || entry.to_state === null) return words.alert.noted;
  const became = words.alert.became(words.state[entry.to_state]);
  return entry.verdict === null ? became : `${became} (${words.verdict[entry.verdict]})`;
}
