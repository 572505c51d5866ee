/**
 * Incidents: what operators handle. The list from the server holds alerts; those of one incident are one row of it.
 *
 * A row stands where its newest alert stands, so a further alert brings it up, and shows the alert that most wants a
 * person. In the digest rows are ranked within each hour, because there the order of arrival has lost its meaning.
 */

import type { AlertSummary } from '../api/types';
import { OPEN_STATES, SEVERITIES } from './filters';

export type Incident = {
  readonly id: string;
  /** The alert that the row shows and opens: an open one before a closed one, then the most severe, then one that
   * nobody has taken, then the newest. */
  readonly alert: AlertSummary;
  /** When the newest of its alerts was captured, which is where the row stands. */
  readonly newestAt: string;
  /** How many of its alerts nobody has taken. */
  readonly untaken: number;
  /** All its alerts that are in the list, newest first. */
  readonly alerts: readonly AlertSummary[];
};

const HOUR_MS = 3_600_000;

function rank(alert: AlertSummary): number {
  return SEVERITIES.indexOf(alert.severity);
}

function wantsMore(a: AlertSummary, b: AlertSummary): boolean {
  const [openA, openB] = [OPEN_STATES.includes(a.state), OPEN_STATES.includes(b.state)];
  if (openA !== openB) return openA;
  return rank(a) - rank(b) < 0 || (rank(a) === rank(b) && a.state === 'new' && b.state !== 'new');
}

/** The rows of a list of alerts that is sorted newest first; `ranked` for the digest. */
export function incidentsOf(alerts: readonly AlertSummary[], ranked = false): readonly Incident[] {
  const groups = new Map<string, [AlertSummary, ...AlertSummary[]]>();
  for (const alert of alerts) {
    const group = groups.get(alert.incident.id);
    if (group === undefined) groups.set(alert.incident.id, [alert]);
    else group.push(alert);
  }
  const rows = [...groups].map(([id, own]) => ({
    id,
    alerts: own,
    alert: own.reduce((a, b) => (wantsMore(b, a) ? b : a)),
    newestAt: own[0].captured_at,
    untaken: own.filter((one) => one.state === 'new').length,
  }));
  return ranked ? rows.sort(byHourThenRank) : rows;
}

/** How many incidents these alerts belong to. */
export function countIncidents(alerts: readonly AlertSummary[]): number {
  return new Set(alerts.map((one) => one.incident.id)).size;
}

/** Which row an alert is in; -1 where it is in none. */
export function rowOf(rows: readonly Incident[], alertId: string | null | undefined): number {
  return rows.findIndex((row) => row.alerts.some((one) => one.id === alertId));
}

/** The alert that the row before (-1) or after (+1) the given alert's row shows, if there is one. */
export function neighbour(rows: readonly Incident[], alertId: string, step: 1 | -1): AlertSummary | undefined {
  const at = rowOf(rows, alertId);
  return at < 0 ? undefined : rows[at + step]?.alert;
}

function byHourThenRank(a: Incident, b: Incident): number {
  return (
    hourOf(b) - hourOf(a) ||
    rank(a.alert) - rank(b.alert) ||
    Math.max(...b.alerts.map((one) => one.score)) - Math.max(...a.alerts.map((one) => one.score))
  );
}

/** The hour in which the server heard of it last: the digest is of hours, and an alert may arrive hours late. */
function hourOf(row: Incident): number {
  return Math.floor(Math.max(...row.alerts.map((one) => Date.parse(one.received_at))) / HOUR_MS);
}
