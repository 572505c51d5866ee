/** What the feed shows. The URL holds it, so that a view can be shared and the way back leads to the same list. */

import type { AlertSummary } from '../api/types';

export const RULES = [
  'loitering',
  'revisit',
  'group',
  'brief_contact',
  'occupancy',
  'density',
  'unusual_count',
  'gathering',
  'dispersal',
  'counter_flow',
  'running',
  'camera_fault',
] as const satisfies readonly AlertSummary['rule'][];
export const STATES = ['new', 'acknowledged', 'resolved', 'dismissed'] as const;
export const SEVERITIES = ['critical', 'warning', 'notice'] as const;
export const PLACES = ['shown', 'digest'] as const satisfies readonly AlertSummary['incident']['place'][];
export const OPEN_STATES: readonly AlertSummary['state'][] = ['new', 'acknowledged'];

export type Filters = {
  /** Where the incident stands under the alert budget; null means both. */
  readonly place: AlertSummary['incident']['place'] | null;
  readonly kampung: string | null;
  readonly camera: string | null;
  readonly rule: AlertSummary['rule'] | null;
  /** Empty means every state. */
  readonly states: readonly AlertSummary['state'][];
  /** Empty means every severity. */
  readonly severities: readonly AlertSummary['severity'][];
  /** ISO times in UTC. */
  readonly since: string | null;
  readonly until: string | null;
};

/** Where a console starts: what is shown and still wants a person. */
export const OPEN: Filters = {
  place: 'shown',
  kampung: null,
  camera: null,
  rule: null,
  states: OPEN_STATES,
  severities: [],
  since: null,
  until: null,
};

/** The auditor's start: everything. */
export const EVERYTHING: Filters = { ...OPEN, place: null, states: [] };

const ALL = 'all';

function listed<T extends string>(text: string | null, known: readonly T[]): T[] {
  const wanted = new Set((text ?? '').split(','));
  return known.filter((one) => wanted.has(one));
}

function time(text: string | null): string | null {
  if (text === null) return null;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** Reads the filters out of a query string; what is missing or unknown there falls back to `start`. */
export function fromQuery(query: string, start: Filters = OPEN): Filters {
  const params = new URLSearchParams(query);
  const state = params.get('state');
  const states = listed(state, STATES);
  const place = params.get('place');
  return {
    place: place === ALL ? null : (listed(place, PLACES)[0] ?? start.place),
    kampung: params.get('kampung') || null,
    camera: params.get('camera') || null,
    rule: listed(params.get('rule'), RULES)[0] ?? null,
    states: state === ALL ? [] : states.length > 0 ? states : start.states,
    severities: listed(params.get('severity'), SEVERITIES),
    since: time(params.get('since')),
    until: time(params.get('until')),
  };
}

/** The query string of the filters, without what equals `start`; empty or beginning with `?`. */
export function toQuery(filters: Filters, start: Filters = OPEN): string {
  const params = new URLSearchParams();
  if (filters.place !== start.place) params.set('place', filters.place ?? ALL);
  if (filters.kampung) params.set('kampung', filters.kampung);
  if (filters.camera) params.set('camera', filters.camera);
  if (filters.rule) params.set('rule', filters.rule);
  if (filters.states.join() !== start.states.join()) params.set('state', filters.states.join(',') || ALL);
  if (filters.severities.length > 0) params.set('severity', filters.severities.join(','));
  if (filters.since) params.set('since', filters.since);
  if (filters.until) params.set('until', filters.until);
  const text = params.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text && `?${text}`;
}

/** Whether an alert belongs into the list that the filters describe. */
export function matches(alert: AlertSummary, filters: Filters): boolean {
  const at = Date.parse(alert.captured_at);
  return (
    (filters.place === null || alert.incident.place === filters.place) &&
    (filters.kampung === null || alert.kampung_id === filters.kampung) &&
    (filters.camera === null || alert.camera_id === filters.camera) &&
    (filters.rule === null || alert.rule === filters.rule) &&
    (filters.states.length === 0 || filters.states.includes(alert.state)) &&
    (filters.severities.length === 0 || filters.severities.includes(alert.severity)) &&
    (filters.since === null || at >= Date.parse(filters.since)) &&
    (filters.until === null || at < Date.parse(filters.until))
  );
}

/** How many filters narrow the list beyond `start`; the kampung is chosen elsewhere and not counted. */
export function narrowing(filters: Filters, start: Filters = OPEN): number {
  return [
    filters.place !== start.place,
    filters.camera !== null,
    filters.rule !== null,
    filters.states.join() !== start.states.join(),
    filters.severities.length > 0,
    filters.since !== null || filters.until !== null,
  ].filter(Boolean).length;
}
