"""How closely a camera is watched now: which pictures are decoded, and which of them are worth a detection.

Pure: motion, people and time go in, a decision comes out. Dwell never depends on motion: as long as anybody is present,
detection goes on, only less often while nobody moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Attention(StrEnum):
    """What a camera gets.

    QUIET: nobody is there and nothing moves: keyframes only, and now and then a detection to be sure.
    WAITING: the same, but keyframes are too far apart to do: everything is decoded.
    RESTING: somebody is there, and nothing has moved for long: keyframes only, and a detection on each or nearly so.
    WATCHING: somebody is there, nothing moves: detection at a low rate.
    SEARCHING: something moves for long and nobody was found in it (traffic, a tree): detection at a low rate.
    ACTIVE: something moves: detection on every picture that the analysis rate offers.
    """

    QUIET = "quiet"
    WAITING = "waiting"
    RESTING = "resting"
    WATCHING = "watching"
    SEARCHING = "searching"
    ACTIVE = "active"

    @property
    def keyframes_only(self) -> bool:
        """Whether decoding keyframes is enough."""
        return self in (Attention.QUIET, Attention.RESTING)


@dataclass(frozen=True, slots=True)
class AttentionSettings:
    """Seconds.

    hold_s: after the last motion, detection goes on at the full rate for so long. Short, because waking up again costs
        nothing but what was saved: the pictures in between are decoded back from the ring.
    watch_every_s: between detections while people are there and nothing moves. The tracker gives a person up after 3 s
        and lets weak boxes carry on a track for 1 s, so that half a second leaves room for a miss.
    people_hold_s: somebody is taken to be there for so long after the last sight: detectors blink, and presence
        bridges the same gap. Who is missed for longer while standing still is found again within keep_alive_s.
    rest_after_s, rest_every_s: nothing having moved and as many people having been seen for so long, those who are
        there rest (or are no people: a detector may see a person in a signpost for ever), and a detection every so
        often will do. Nobody comes or goes without moving; a number that changes is a detector that blinks, and a track
        that must be carried or confirmed anew, which the tracker does within 1 s or not at all. Not where keyframes are
        further apart than rest_every_s: the tracker gives up after 3 s.
    fruitless_s: motion without anybody for so long is searched only every `search_every_s`.
    keep_alive_s: between detections while all is quiet, so that somebody who stood still before the start, or came
        unnoticed, is found.
    quiet_every_s: keyframes may be so far apart while all is quiet. "Smart" codecs stretch that to a minute while
        nothing moves: who came in between would be told of too late, and what the ring no longer holds not at all.
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
    """For one picture: the attention that holds from now on, and whether to run the detector on this picture."""

    attention: Attention
    detect: bool


class AttentionPolicy:
    """The attention of one camera. Not thread-safe: ask once for each decoded picture, in the order of decoding."""

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
    def keyframe_patience_s(self) -> float:
        """How long after a keyframe the next one may be waited for, as long as keyframes alone are decoded."""
        settings = self._settings
        usual_s = 1.5 * settings.rest_every_s if self.attention is Attention.RESTING else settings.quiet_every_s
        return usual_s + _JITTER_S

    def decide(
        self, at_mono_s: float, *, moving: bool, people: int, keyframe_every_s: float = math.inf
    ) -> DecodeDecision:
        """What to do with the picture captured at `at_mono_s`.

        moving: the gate's result. people: how many are there as far as is known: the boxes that may begin a
        track in the newest analysed picture, or the tracks that it carried, whichever are more. keyframe_every_s: how
        far apart the camera's keyframes are, as far as is known.

        The first picture, and pictures earlier than the last motion (a GOP decoded back from the ring), are detected.
        Raises ValueError for a negative number of people.
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
            # As long as nobody knows how far apart keyframes are, their being overdue will tell.
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


# Capture times jitter by some milliseconds: a picture that comes a little before its turn is not left for the next.
_JITTER_S = 0.05
