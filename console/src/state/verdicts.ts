/** The operator's verdicts and the alert state that each of them leads to. */

import type { AlertDetail } from '../api/types';

export type Verdict = NonNullable<AlertDetail['verdict']>;
export const VERDICTS: readonly Verdict[] = ['useful', 'normal_activity', 'detector_error', 'camera_fault'];

/** The state of an alert after a verdict: resolved when it was worth knowing, otherwise dismissed. */
export function stateAfter(verdict: Verdict): 'resolved' | 'dismissed' {
  return verdict === 'useful' ? 'resolved' : 'dismissed';
}
