"""Decides how closely a camera is watched: which frames are decoded, and which of them get a detection.

Pure functions of motion, people and time. Dwell never depends on motion: while somebody is present, detection
continues, only less often while nobody moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

# Capture times jitter by some milliseconds: a frame slightly ahead of its turn is used instead of the next one.
_JITTER_S = 0.05


class Attention(StrEnum):
    """How much decoding and detection a camera gets.

    QUIET: nobody is present and nothing moves. Keyframes only, with an occasional detection.
    WAITING: as QUIET, but keyframes are too far apart to suffice. Everything is decoded.
    RESTING: somebody is present and nothing has moved for long. Keyframes only, with a detection on nearly each.
    WATCHING: somebody is present and nothing moves. Detection at a low rate.
    SEARCHING: something has moved for long without a person in it (traffic, a tree). Detection at a low rate.
    ACTIVE: something moves. Detection on every frame at the analysis rate.
    """

    QUIET = "quiet"
    WAITING = "waiting"
    RESTING = "resting"
    WATCHING = "watching"
    SEARCHING = "searching"
    ACTIVE = "active"

    @property
    def keyframes_only(self) -> bool:
        """Whether only keyframes are decoded."""
        return self in (Attention.QUIET, Attention.RESTING)


@dataclass(frozen=True, slots=True)
class AttentionSettings:
    """Times of the attention policy, in seconds, all > 0. Raises ValueError otherwise.

    hold_s: detection continues at the full rate for this long after the last motion. Short, because waking up again
        loses nothing: the frames in between are decoded back from the ring.
    watch_every_s: interval between detections while people are present and nothing moves. The tracker drops a person
        after 3 s and lets weak boxes continue a track for 1 s, so half a second leaves room for a missed detection.
    people_hold_s: people count as present for this long after the last sighting, because detectors miss people now and
        then; presence bridges the same gap. A person who stands still and is missed for longer is found again within
        `keep_alive_s`.
    rest_after_s, rest_every_s: once nothing has moved and the number of people has not changed for `rest_after_s`,
        detection runs every `rest_every_s`. Nobody comes or goes without moving. A changed number means a missed
        detection, and a track to be continued or confirmed, which the tracker does within 1 s or not at all. Rest is
        skipped where keyframes are further apart than `rest_every_s`, because the tracker drops people after 3 s.
        False detections, such as a signpost, rest as well.
    fruitless_s: after this long, motion without people is searched only every `search_every_s`.
    keep_alive_s: interval between detections while all is quiet, which finds people who stood still before the start
        or came unnoticed.
    quiet_every_s: longest acceptable distance between keyframes while all is quiet. "Smart" codecs extend it to a
        minute while nothing moves: a person who came in between would be reported too late, and what the ring no
        longer holds not at all.
    """

    hold_s: float = 1.5
    watch_every_s: float = 0.5
    people_hold_s: float = 10.0
    rest_after_s: float = 2.4
    rest_every_s: float = 2.0
    fruitless_s: float = 30.0
    search_every_s: float = 1.0
    keep_alive_s: float = 5.0
    quiet_every_s: float = 6.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class DecodeDecision:
    """For one frame: the attention from now on, and whether to run the detector on this frame."""

    attention: Attention
    detect: bool


class AttentionPolicy:
    """The attention of one camera. Not thread-safe. Call `decide` once for each decoded frame, in decoding order."""

    def __init__(self, settings: AttentionSettings | None = None) -> None:
        self._settings = settings or AttentionSettings()
        self._moved_mono_s = -math.inf
        self._seen_mono_s = -math.inf
        self._people = 0
        self._unsettled_mono_s = -math.inf
        self._wanted_since_mono_s = -math.inf
        self._detected_mono_s = -math.inf
        self.attention = Attention.ACTIVE

    @property
    def keyframe_overdue_after_s(self) -> float:
        """How many seconds after a keyframe the next one becomes overdue, while only keyframes are decoded."""
        settings = self._settings
        usual_s = 1.5 * settings.rest_every_s if self.attention is Attention.RESTING else settings.quiet_every_s
        return usual_s + _JITTER_S

    def decide(
        self, at_mono_s: float, *, moving: bool, people: int, keyframe_every_s: float = math.inf
    ) -> DecodeDecision:
        """Decide about the frame captured at `at_mono_s`.

        moving: whether the motion gate saw motion in it. people: number of people in the newest analysed frame: the
        boxes that may start a track, or the tracks that it continued, whichever are more. keyframe_every_s: distance
        between the camera's keyframes in seconds; infinite while unknown.

        The first frame, and frames earlier than the last motion (a group of pictures decoded back from the ring), get
        a detection. Raises ValueError for a negative number of people.
        """
        if people < 0:
            raise ValueError(f"people must be >= 0, got {people}")
        if self._moved_mono_s == -math.inf:
            moving = True
        if moving:
            self._moved_mono_s = max(self._moved_mono_s, at_mono_s)
        if people != self._people:
            self._people = people
            self._unsettled_mono_s = at_mono_s
        if people:
            self._seen_mono_s = max(self._seen_mono_s, at_mono_s)
        present = at_mono_s - self._seen_mono_s <= self._settings.people_hold_s
        held = at_mono_s - self._moved_mono_s <= self._settings.hold_s
        if present or not held:
            self._wanted_since_mono_s = -math.inf
        elif self._wanted_since_mono_s == -math.inf:
            self._wanted_since_mono_s = at_mono_s
        self.attention = self._attention(at_mono_s, held=held, present=present, keyframe_every_s=keyframe_every_s)
        detect = at_mono_s - self._detected_mono_s >= self._pause_s() - _JITTER_S or at_mono_s < self._detected_mono_s
        if detect:
            self._detected_mono_s = max(self._detected_mono_s, at_mono_s)
        return DecodeDecision(self.attention, detect)

    def _attention(self, at_mono_s: float, *, held: bool, present: bool, keyframe_every_s: float) -> Attention:
        settings = self._settings
        if not held and not present:
            # While the distance between keyframes is unknown, an overdue keyframe reveals it.
            sparse = math.isfinite(keyframe_every_s) and keyframe_every_s > settings.quiet_every_s + _JITTER_S
            return Attention.WAITING if sparse else Attention.QUIET
        if not held:
            restful = keyframe_every_s <= settings.rest_every_s + _JITTER_S
            settled_s = at_mono_s - max(self._moved_mono_s, self._unsettled_mono_s)
            rests = restful and settled_s >= settings.rest_after_s
            return Attention.RESTING if rests else Attention.WATCHING
        fruitless_s = at_mono_s - self._wanted_since_mono_s
        if not present and math.isfinite(fruitless_s) and fruitless_s >= settings.fruitless_s:
            return Attention.SEARCHING
        return Attention.ACTIVE

    def _pause_s(self) -> float:
        settings = self._settings
        return {
            Attention.QUIET: settings.keep_alive_s,
            Attention.WAITING: settings.keep_alive_s,
            Attention.RESTING: settings.rest_every_s,
            Attention.WATCHING: settings.watch_every_s,
            Attention.SEARCHING: settings.search_every_s,
            Attention.ACTIVE: 0.0,
        }[self.attention]
