/** What can be shown of an alert's clip, and why not more. */

import type { AlertDetail } from '../api/types';
import type { Words } from '../i18n';

export type ClipState = 'ready' | 'recording' | 'uploading' | 'failed' | 'unplayable' | 'forbidden' | 'none';

/** Judges by the alert and by whether the browser says that it can play a media type. */
export function clipState(alert: AlertDetail, canPlay: (mediaType: string) => boolean): ClipState {
  const { clip } = alert;
  if (alert.has_clip && clip !== null) {
    return canPlay(`${clip.media_type}; codecs="${clip.codec}"`) ? 'ready' : 'unplayable';
  }
  if (clip?.uploaded) return 'forbidden';
  if (alert.clip_fault !== null) return 'failed';
  if (clip !== null) return 'uploading';
  return alert.clip_expected ? 'recording' : 'none';
}

/** What devices say of a clip that will not come, by the words that tell the cases apart. */
const FAULTS = [
  ['deleted', /deleted on the device/],
  ['stopped', /stopped before/],
  ['noPicture', /no picture|keyframe|could be decoded/],
  ['unwritten', /written|disk/],
] as const;

/** Why a clip will not come, in the reader's words; what no device has said before is shown as it came. */
export function clipFault(told: string, words: Words): string {
  const known = FAULTS.find(([, said]) => said.test(told));
  return known === undefined ? words.clip.faults.other(told) : words.clip.faults[known[0]];
}

/** Pictures a second, counted over the time that has pictures; 25 where the clip does not say. */
export function framesPerSecond(clip: NonNullable<AlertDetail['clip']>): number {
  const dark_s = (clip.gaps ?? []).reduce((sum, gap) => sum + (gap.ends_s - gap.starts_s), 0);
  const seen_s = clip.duration_s - dark_s;
  return seen_s > 0 ? clip.frame_count / seen_s : 25;
}

/** The moment in the middle of the picture `step` pictures from the one shown at `at_s`. */
export function frameStep(at_s: number, step: 1 | -1, fps: number, duration_s: number): number {
  const frame = Math.floor(at_s * fps + 1e-3) + step;
  return Math.min(Math.max(0, (frame + 0.5) / fps), duration_s);
}
