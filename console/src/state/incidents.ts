/**
 * Groups alerts into incidents, the unit that operators handle: one row for each incident.
 *
 * A row is sorted by its newest alert, so a further alert moves it up, and shows the alert that most needs attention.
 * In the digest rows are ranked within each hour, because the order of arrival no longer matters there.
 */

import type { AlertSummary } from '../api/types';
import { OPEN_STATES, SEVERITIES } from './filters';

export type Incident = {
  readonly id: string;
  /** The alert that the row shows and opens: open before closed, then the most severe, then state `new` before
   * `acknowledged`, then the newest. */
  readonly alert: AlertSummary;
  /** Capture time of its newest alert (ISO), by which the row is sorted. */
  readonly newestAt: string;
  /** Number of its alerts in state `new`. */
  readonly newCount: number;
  /** Its alerts in the list, newest first. */
  readonly alerts: readonly AlertSummary[];
};

const HOUR_MS = 3_600_000;

function rank(alert: AlertSummary): number {
  return SEVERITIES.indexOf(alert.severity);
}

function needsMoreAttention(a: AlertSummary, b: AlertSummary): boolean {
  const [openA, openB] = [OPEN_STATES.includes(a.state), OPEN_STATES.includes(b.state)];
  if (openA !== openB) return openA;
  return rank(a) - rank(b) < 0 || (rank(a) === rank(b) && a.state === 'new' && b.state !== 'new');
}

/** Groups alerts, sorted newest first, into rows; `ranked` sorts them for the digest. */
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
    alert: own.reduce((a, b) => (needsMoreAttention(b, a) ? b : a)),
    newestAt: own[0].captured_at,
    newCount: own.filter((one) => one.state === 'new').length,
  }));
  return ranked ? rows.sort(byHourThenRank) : rows;
}

/** Number of incidents that these alerts belong to. */
export function countIncidents(alerts: readonly AlertSummary[]): number {
  return new Set(alerts.map((one) => one.incident.id)).size;
}

/** Index of the row that contains an alert, or -1. */
export function rowOf(rows: readonly Incident[], alertId: string | null | undefined): number {
  return rows.findIndex((row) => row.alerts.some((one) => one.id === alertId));
}

/** The alert shown by the row before (-1) or after (+1) the given alert's row, if there is one. */
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

/** The hour in which the server last received one of its alerts: an alert may arrive hours after its capture. */
function hourOf(row: Incident): number {
  return Math.floor(Math.max(...row.alerts.map((one) => Date.parse(one.received_at))) / HOUR_MS);
}
