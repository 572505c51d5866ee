/** Passes live messages on to the stores that show them. */

import type { CameraStatus, FeedAlert } from '../api/types';
import { behaviour } from '../format/sentences';
import { clockTime } from '../format/times';
import { digest } from './digest.svelte';
import { feedList } from './feed-list.svelte';
import { kampungList } from './kampung-list.svelte';
import type { FeedListener } from './live-feed.svelte';
import { locale } from './locale.svelte';
import { sound } from './sound.svelte';

class LiveUpdates implements FeedListener {
  /** The most recent new alert as a sentence, for screen readers. */
  announcement = $state('');
  /** The last message about an alert; the alert's own page watches it. */
  latestMessage = $state.raw<FeedAlert | null>(null);
  /** How often the live feed has connected: after a reconnect, pages fetch what they may have missed. */
  connectionCount = $state(0);

  onAlert(message: FeedAlert): void {
    feedList.receive(message);
    this.latestMessage = message;
    kampungList.scheduleRefresh();
    digest.scheduleRefresh();
    const { alert } = message;
    // Alerts in the digest are only counted: no sound, no announcement.
    if ((message.kind !== 'created' && !message.raised) || alert.incident.placement !== 'shown') return;
    sound.alarm(alert);
    const { words, language } = locale;
    this.announcement = words.feed.announce(
      words.severity[alert.severity],
      behaviour(alert, words, language),
      `${alert.zone_name}, ${alert.kampung_name}, ${clockTime(alert.captured_at)}`,
    );
  }

  onCameras(cameras: readonly CameraStatus[]): void {
    kampungList.updateCameras(cameras);
  }

  onConnected(): void {
    this.connectionCount++;
    kampungList.scheduleRefresh();
    digest.scheduleRefresh();
    void feedList.catchUp();
  }

  clear(): void {
    this.announcement = '';
    this.latestMessage = null;
  }
}

export const liveUpdates = new LiveUpdates();
