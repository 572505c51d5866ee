import { describe, expect, it } from 'vitest';
import { alertNumber } from '../testing/alerts';
import { countIncidents, incidentsOf, neighbour, rowOf } from './incidents';

const of = (n: number, incident: number, more = {}) =>
  alertNumber(n, { incident: { ...alertNumber(incident).incident }, ...more });
const shown = (rows: readonly { alert: { id: string } }[]) => rows.map((row) => Number(row.alert.id.slice(-12)));

describe('alerts of one incident', () => {
  it('are one row, which stands where the newest of them stands', () => {
    const rows = incidentsOf([of(5, 1), of(4, 2), of(3, 1)]);
    expect(rows.map((row) => row.alerts.length)).toEqual([2, 1]);
    expect(shown(rows)).toEqual([5, 4]);
    expect(incidentsOf([of(5, 1), of(3, 1, { severity: 'critical' })])[0]?.newestAt).toBe(alertNumber(5).captured_at);
  });

  it('are shown by the most severe that is open', () => {
    const rows = incidentsOf([of(5, 1), of(4, 1, { severity: 'critical' }), of(3, 1, { severity: 'critical', state: 'resolved' })]);
    expect(shown(rows)).toEqual([4]);
    expect(shown(incidentsOf([of(5, 1, { severity: 'critical', state: 'dismissed' }), of(4, 1, { severity: 'notice' })]))).toEqual([4]);
  });

  it('are shown by a new one before an acknowledged one of the same severity', () => {
    const acknowledged = { state: 'acknowledged', acknowledged_by: 'sari' } as const;
    const rows = incidentsOf([of(5, 1, acknowledged), of(4, 1), of(3, 2, { ...acknowledged, severity: 'critical' }), of(2, 2)]);
    expect(shown(rows)).toEqual([4, 3]);
    expect(rows.map((row) => row.newCount)).toEqual([1, 1]);
  });

  it('are counted once', () => {
    expect(countIncidents([of(5, 1), of(4, 2), of(3, 1)])).toBe(2);
    expect(countIncidents([])).toBe(0);
  });
});

describe('the digest', () => {
  it('ranks by severity, then score, within each hour of arrival at the server', () => {
    const early = { received_at: '2026-11-24T04:59:59Z', severity: 'critical' };
    const rows = incidentsOf(
      [of(9, 9, early), of(5, 5), of(4, 4, { severity: 'notice' }), of(3, 3, { score: 0.9 }), of(2, 2, { severity: 'critical' })],
      true,
    );
    expect(shown(rows)).toEqual([2, 3, 5, 4, 9]);
  });
});

describe('walking', () => {
  const rows = incidentsOf([of(5, 1), of(4, 2), of(3, 1), of(2, 3)]);

  it('goes from row to row and stops at the ends, from whichever alert of a row', () => {
    expect(neighbour(rows, alertNumber(3).id, 1)?.id).toBe(alertNumber(4).id);
    expect(neighbour(rows, alertNumber(4).id, -1)?.id).toBe(alertNumber(5).id);
    expect(neighbour(rows, alertNumber(2).id, 1)).toBeUndefined();
    expect(neighbour(rows, 'somewhere else', 1)).toBeUndefined();
  });

  it('finds the row of an alert', () => {
    expect(rowOf(rows, alertNumber(3).id)).toBe(0);
    expect(rowOf(rows, null)).toBe(-1);
  });
});
