/** The kampung granted to the user, with their open alerts and the state of their cameras. */

import { call } from '../api/client';
import { asApiError } from '../api/error';
import type { CameraStatus, KampungStatus } from '../api/types';
import { throttle } from './throttle';

class KampungList {
  items = $state.raw<readonly KampungStatus[]>([]);
  /** Whether the server has answered at least once. */
  loaded = $state(false);

  /** Open alerts by severity, over all kampung. */
  openAlerts = $derived(
    this.items.reduce(
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
      this.items = await call('get', '/api/v1/kampung', {});
      this.loaded = true;
    } catch (thrown) {
      // The connection banner already reports the failure; the old counts stay until the next live message.
      asApiError(thrown);
    }
  }

  scheduleRefresh = throttle(() => void this.refresh());

  /** Replaces the state of the given cameras. */
  updateCameras(cameras: readonly CameraStatus[]): void {
    const changed = new Map(cameras.map((camera) => [camera.id, camera]));
    this.items = this.items.map((kampung) => ({
      ...kampung,
      cameras: kampung.cameras.map((camera) => changed.get(camera.id) ?? camera),
    }));
  }

  clear(): void {
    this.items = [];
    this.loaded = false;
  }
}

export const kampungList = new KampungList();
