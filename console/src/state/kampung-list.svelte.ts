/** The kampung that this person was granted, with their open alerts and the health of their cameras. */

import { call } from '../api/client';
import { asFault } from '../api/fault';
import type { CameraStatus, KampungStatus } from '../api/types';
import { soon } from './throttle';

class Places {
  kampung = $state.raw<readonly KampungStatus[]>([]);
  loaded = $state(false);

  cameras = $derived(this.kampung.flatMap((one) => one.cameras));
  open = $derived(
    this.kampung.reduce(
      (sum, { open_alerts: open }) => ({
        critical: sum.critical + open.critical,
        warning: sum.warning + open.warning,
        notice: sum.notice + open.notice,
      }),
      { critical: 0, warning: 0, notice: 0 },
    ),
  );

  async refresh(): Promise<void> {
    try {
      this.kampung = await call('get', '/api/v1/kampung', {});
      this.loaded = true;
    } catch (thrown) {
      // The bar already says that the server is gone; the old counts stay, and the next message asks again.
      asFault(thrown);
    }
  }

  refreshSoon = soon(() => void this.refresh());

  /** Takes over the state of cameras that the live feed told. */
  update(cameras: readonly CameraStatus[]): void {
    const news = new Map(cameras.map((camera) => [camera.id, camera]));
    this.kampung = this.kampung.map((one) => ({
      ...one,
      cameras: one.cameras.map((camera) => news.get(camera.id) ?? camera),
    }));
  }

  forget(): void {
    this.kampung = [];
    this.loaded = false;
  }
}

export const places = new Places();
