/** The alarm sound of critical alerts: drum beats, one alarm at a time, off until the user turns it on. */

import type { AlertSummary } from '../api/types';
import { locale } from './locale.svelte';

/** Beats of the alarm, in seconds from its start: *titir*, the quick, even roll that signals danger. */
const TITIR_S = [0, 0.16, 0.32, 0.62, 0.78, 0.94];
const ALARM_S = 1.6;

class Sound {
  on = $state(false);
  #context: AudioContext | null = null;
  #busyUntil_s = 0;

  async toggle(): Promise<void> {
    if (this.on) {
      this.on = false;
      return;
    }
    this.#context ??= new AudioContext();
    await this.#context.resume();
    this.on = true;
    this.#beat(this.#context.currentTime + 0.02);
    if ('Notification' in window && Notification.permission === 'default') await Notification.requestPermission();
  }

  /** Plays the alarm for a critical alert, unless it is playing already. */
  alarm(alert: AlertSummary): void {
    const context = this.#context;
    if (!this.on || context === null || alert.severity !== 'critical') return;
    const now_s = context.currentTime;
    if (now_s < this.#busyUntil_s) return;
    this.#busyUntil_s = now_s + ALARM_S;
    for (const at_s of TITIR_S) this.#beat(now_s + 0.02 + at_s);
    if (document.hidden && 'Notification' in window && Notification.permission === 'granted') {
      const { title, body } = locale.words.notification;
      // The tag makes a second notification replace the first.
      new Notification(title, { body: body(alert.kampung_name), tag: 'kentongan-critical' });
    }
  }

  /** One beat on hollow bamboo: two short, damped tones. */
  #beat(at_s: number): void {
    const context = this.#context;
    if (context === null) return;
    for (const [hertz, loud, decay_s] of [
      [415, 0.5, 0.11],
      [1035, 0.22, 0.05],
    ] as const) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.type = 'triangle';
      tone.frequency.setValueAtTime(hertz * 1.12, at_s);
      tone.frequency.exponentialRampToValueAtTime(hertz, at_s + 0.03);
      volume.gain.setValueAtTime(0.0001, at_s);
      volume.gain.exponentialRampToValueAtTime(loud, at_s + 0.004);
      volume.gain.exponentialRampToValueAtTime(0.0001, at_s + decay_s);
      tone.connect(volume).connect(context.destination);
      tone.start(at_s);
      tone.stop(at_s + decay_s + 0.02);
    }
  }
}

export const sound = new Sound();
