/** Alert fixtures for unit tests. */

import type { AlertSummary } from '../api/types';

/** Alert number `n`, captured `n` seconds after 12.00 WIB; higher numbers are newer. */
export function alertNumber(n: number, more: Partial<AlertSummary> = {}): AlertSummary {
  const at = new Date(Date.UTC(2026, 10, 24, 5, 0, n)).toISOString();
  return {
    id: `01980000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    kampung_id: 'kampung-satu',
    kampung_name: 'Kampung Satu',
    camera_id: 'pos-ronda',
    camera_name: 'Pos Ronda',
    zone_id: 'gang',
    zone_name: 'mulut gang',
    rule: 'loitering',
    severity: 'warning',
    state: 'new',
    verdict: null,
    ongoing: true,
    score: 0.8,
    reasons: [],
    sentence_id: '',
    sentence_en: '',
    people_count: 1,
    began_at: at,
    captured_at: at,
    ended_at: null,
    time_uncertainty_s: 0.2,
    received_at: at,
    has_thumbnail: false,
    has_clip: false,
    clip_expected: true,
    version: 1,
    acknowledged_by: null,
    updated_at: at,
    trigger_boxes: [],
    incident: { id: `01980000-0000-7000-8000-${String(n).padStart(12, '0')}`, placement: 'shown', reason: 'within_budget' },
    spot_check_chance: null,
    ...more,
  };
}
