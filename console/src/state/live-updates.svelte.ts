/** What the live feed says, handed on to everything that shows it. */

import type { CameraStatus, FeedAlert } from '../api/types';
import { digest } from './digest.svelte';
import { feedList } from './feed-list.svelte';
import { clockTime } from '../format/times';
import type { Listener } from './live-feed.svelte';
import { places } from './kampung-list.svelte';
import { sound } from './sound.svelte';
import { tongue } from './locale.svelte';
import { behaviour } from '../format/sentences';

class News implements Listener {
  /** The last new alert as a sentence, for screen readers. */
  spoken = $state('');
  /** The last message about an alert; the alert's own page watches it. */
  latest = $state.raw<FeedAlert | null>(null);
  /** Counts openings of the stream: pages fetch again what they may have missed. */
  openings = $state(0);

  alert(message: FeedAlert): void {
    feedList.receive(message);
    this.latest = message;
    places.refreshSoon();
    digest.refreshSoon();
    const { alert } = message;
    // What waits in the digest is counted there and calls nobody.
    if ((message.kind !== 'created' && !message.raised) || alert.incident.place !== 'shown') return;
    sound.alarm(alert);
    const { words, language } = tongue;
    this.spoken = words.feed.announce(
      words.severity[alert.severity],
      behaviour(alert, words, language),
      `${alert.zone_name}, ${alert.kampung_name}, ${clockTime(alert.captured_at)}`,
    );
  }

  cameras(cameras: readonly CameraStatus[]): void {
    places.update(cameras);
  }

  opened(): void {
    this.openings++;
    places.refreshSoon();
    digest.refreshSoon();
    void feedList.catchUp();
  }

  forget(): void {
    this.spoken = '';
    this.latest = null;
  }
}

export const news = new News();
