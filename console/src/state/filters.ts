/** Filters of an alert list. They are kept in the URL, so a view can be shared and going back restores the list. */

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
export const PLACEMENTS = ['shown', 'digest'] as const satisfies readonly AlertSummary['incident']['placement'][];
export const OPEN_STATES: readonly AlertSummary['state'][] = ['new', 'acknowledged'];

export type Filters = {
  /** Whether the alert budget shows the incident or keeps it in the digest; null means both. */
  readonly placement: AlertSummary['incident']['placement'] | null;
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

/** The feed's defaults: incidents that are shown and open. */
export const DEFAULT_FILTERS: Filters = {
  placement: 'shown',
  kampung: null,
  camera: null,
  rule: null,
  states: OPEN_STATES,
  severities: [],
  since: null,
  until: null,
};

/** The auditor's defaults: every alert. */
export const NO_FILTERS: Filters = { ...DEFAULT_FILTERS, placement: null, states: [] };

const ALL = 'all';

function knownValues<T extends string>(text: string | null, known: readonly T[]): T[] {
  const wanted = new Set((text ?? '').split(','));
  return known.filter((one) => wanted.has(one));
}

function isoTime(text: string | null): string | null {
  if (text === null) return null;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** Parses a query string; missing or unknown values fall back to `defaults`. */
export function fromQuery(query: string, defaults: Filters = DEFAULT_FILTERS): Filters {
  const params = new URLSearchParams(query);
  const state = params.get('state');
  const states = knownValues(state, STATES);
  const placement = params.get('placement');
  return {
    placement: placement === ALL ? null : (knownValues(placement, PLACEMENTS)[0] ?? defaults.placement),
    kampung: params.get('kampung') || null,
    camera: params.get('camera') || null,
    rule: knownValues(params.get('rule'), RULES)[0] ?? null,
    states: state === ALL ? [] : states.length > 0 ? states : defaults.states,
    severities: knownValues(params.get('severity'), SEVERITIES),
    since: isoTime(params.get('since')),
    until: isoTime(params.get('until')),
  };
}

/** The query string of the filters, without values that equal `defaults`; empty, or beginning with `?`. */
export function toQuery(filters: Filters, defaults: Filters = DEFAULT_FILTERS): string {
  const params = new URLSearchParams();
  if (filters.placement !== defaults.placement) params.set('placement', filters.placement ?? ALL);
  if (filters.kampung) params.set('kampung', filters.kampung);
  if (filters.camera) params.set('camera', filters.camera);
  if (filters.rule) params.set('rule', filters.rule);
  if (filters.states.join() !== defaults.states.join()) params.set('state', filters.states.join(',') || ALL);
  if (filters.severities.length > 0) params.set('severity', filters.severities.join(','));
  if (filters.since) params.set('since', filters.since);
  if (filters.until) params.set('until', filters.until);
  const text = params.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text && `?${text}`;
}

/** Whether an alert matches every filter. */
export function matches(alert: AlertSummary, filters: Filters): boolean {
  const at = Date.parse(alert.captured_at);
  return (
    (filters.placement === null || alert.incident.placement === filters.placement) &&
    (filters.kampung === null || alert.kampung_id === filters.kampung) &&
    (filters.camera === null || alert.camera_id === filters.camera) &&
    (filters.rule === null || alert.rule === filters.rule) &&
    (filters.states.length === 0 || filters.states.includes(alert.state)) &&
    (filters.severities.length === 0 || filters.severities.includes(alert.severity)) &&
    (filters.since === null || at >= Date.parse(filters.since)) &&
    (filters.until === null || at < Date.parse(filters.until))
  );
}

/** Number of filters that differ from `defaults`, without the kampung, which is chosen in the sidebar. */
export function activeFilterCount(filters: Filters, defaults: Filters = DEFAULT_FILTERS): number {
  return [
    filters.placement !== defaults.placement,
    filters.camera !== null,
    filters.rule !== null,
    filters.states.join() !== defaults.states.join(),
    filters.severities.length > 0,
    filters.since !== null || filters.until !== null,
  ].filter(Boolean).length;
}
