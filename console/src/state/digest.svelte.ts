/** How much the alert budget keeps back from this person. The alerts themselves are listed with `place=digest`. */

import { call } from '../api/client';
import { asFault } from '../api/fault';
import type { Digest } from '../api/types';
import { soon } from './throttle';

class DigestCounts {
  counts = $state.raw<Digest | null>(null);

  async refresh(): Promise<void> {
    try {
      this.counts = await call('get', '/api/v1/digest', {});
    } catch (thrown) {
      // The bar already says that the server is gone; the old counts stay, and the next message asks again.
      asFault(thrown);
    }
  }

  refreshSoon = soon(() => void this.refresh());

  /** Open incidents in the digest, of one kampung or of all: of this hour, and in all. */
  of(kampung: string | null): { thisHour: number; inAll: number } {
    const rows = (this.counts?.kampung ?? []).filter((one) => kampung === null || one.kampung_id === kampung);
    return rows.reduce((sum, one) => ({ thisHour: sum.thisHour + one.this_hour, inAll: sum.inAll + one.in_all }), {
      thisHour: 0,
      inAll: 0,
    });
  }

  forget(): void {
    this.counts = null;
  }
}

export const digest = new DigestCounts();
