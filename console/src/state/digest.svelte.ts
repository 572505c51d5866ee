/** Counts of the incidents that exceed the alert budget. The alerts themselves are listed with `placement=digest`. */

import { call } from '../api/client';
import { asApiError } from '../api/error';
import type { Digest } from '../api/types';
import { throttle } from './throttle';

class DigestCounts {
  counts = $state.raw<Digest | null>(null);

  async refresh(): Promise<void> {
    try {
      this.counts = await call('get', '/api/v1/digest', {});
    } catch (thrown) {
      // The connection banner already reports the failure; the old counts stay until the next live message.
      asApiError(thrown);
    }
  }

  scheduleRefresh = throttle(() => void this.refresh());

  /** Open incidents in the digest of one kampung, or of all for null: those of this hour, and in total. */
  countsFor(kampung: string | null): { thisHour: number; total: number } {
    const rows = (this.counts?.kampung ?? []).filter((row) => kampung === null || row.kampung_id === kampung);
    return rows.reduce((sum, row) => ({ thisHour: sum.thisHour + row.this_hour, total: sum.total + row.total }), {
      thisHour: 0,
      total: 0,
    });
  }

  clear(): void {
    this.counts = null;
  }
}

export const digest = new DigestCounts();
