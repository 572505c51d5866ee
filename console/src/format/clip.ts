/** The state of an alert's clip and its frame arithmetic. */

import type { AlertDetail } from '../api/types';
import type { Words } from '../i18n';

export type ClipState = 'ready' | 'recording' | 'uploading' | 'failed' | 'unplayable' | 'forbidden' | 'none';

/** The state of an alert's clip; `canPlay` reports whether the browser plays a media type. */
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

/** Patterns in the devices' fault messages, by the string that explains them to the user. */
const FAULTS = [
  ['deleted', /deleted on the device/],
  ['stopped', /stopped before/],
  ['noPicture', /no frame|keyframe|could be decoded/],
  ['unwritten', /written|disk/],
] as const;

/** Why a clip will not arrive, in the user's language; an unknown message is quoted as it is. */
export function clipFault(reported: string, words: Words): string {
  const known = FAULTS.find(([, pattern]) => pattern.test(reported));
  return known === undefined ? words.clip.faults.other(reported) : words.clip.faults[known[0]];
}

/** Frames per second over the recorded time, without gaps; 25 if the clip has none. */
export function framesPerSecond(clip: NonNullable<AlertDetail['clip']>): number {
  const gaps_s = (clip.gaps ?? []).reduce((sum, gap) => sum + (gap.ends_s - gap.starts_s), 0);
  const recorded_s = clip.duration_s - gaps_s;
  return recorded_s > 0 ? clip.frame_count / recorded_s : 25;
}

/** Middle of the frame that is `step` frames away from the one shown at `at_s`, seconds, within the clip. */
export function frameStep(at_s: number, step: 1 | -1, fps: number, duration_s: number): number {
  const frame = Math.floor(at_s * fps + 1e-3) + step;
  return Math.min(Math.max(0, (frame + 0.5) / fps), duration_s);
}
