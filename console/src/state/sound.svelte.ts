/** The drum: three wooden beats for a critical alert, one alarm at a time, silent until somebody turns it on. */

import type { AlertSummary } from '../api/types';
import { tongue } from './locale.svelte';

/** Beats of the alarm in seconds from its start: the quick, even roll (titir) that means danger. */
const TITIR_S = [0, 0.16, 0.32, 0.62, 0.78, 0.94];
const LENGTH_S = 1.6;

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

  /** Sounds for a critical alert, unless one is sounding. */
  alarm(alert: AlertSummary): void {
    const context = this.#context;
    if (!this.on || context === null || alert.severity !== 'critical') return;
    const now_s = context.currentTime;
    if (now_s < this.#busyUntil_s) return;
    this.#busyUntil_s = now_s + LENGTH_S;
    for (const at_s of TITIR_S) this.#beat(now_s + 0.02 + at_s);
    if (document.hidden && 'Notification' in window && Notification.permission === 'granted') {
      const { title, body } = tongue.words.notification;
      // One tag: a second notification takes the place of the first.
      new Notification(title, { body: body(alert.kampung_name), tag: 'kentongan-critical' });
    }
  }

  /** One beat of a hollow bamboo: two short damped tones. */
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
