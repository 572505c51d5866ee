"""Presence episodes: one person's stay in one zone, from the first to the last moment inside, over broken tracks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contract.clock import Instant
from edge.detections import Detections
from edge.geometry import Located, Polygon
from edge.presence.stitch import FORGET_AFTER_S, Stitched

ENTER_AFTER_S = 0.5
"""Inside for so long makes an entry: a foot point that flickers over the edge is none."""
LEAVE_AFTER_S = 1.0
LEAVE_MARGIN = 0.15
"""Body heights beyond the edge that count as outside for somebody who was inside."""
ON_THE_EDGE_S = 5.0
"""Standing between the edge and the margin for longer than this is outside too."""
PATH_STEP_S = 1.0
PATH_LIMIT = 900
"""Points of a path; when full, every second one is dropped and the step doubles, so a day-long stay stays small."""
COUNT_HOLD_S = 2.0
"""A person who was inside and is missed for less than this still counts: detectors blink."""


@dataclass(slots=True)
class Path:
    """Where somebody was, thinned to one point a second or less: on the plane, and the foot point in the frame."""

    times_s: list[float] = field(default_factory=list)
    xs: list[float] = field(default_factory=list)
    ys: list[float] = field(default_factory=list)
    units: list[float] = field(default_factory=list)
    feet_xyn: list[tuple[float, float]] = field(default_factory=list)
    step_s: float = PATH_STEP_S

    def add(self, at_s: float, x: float, y: float, unit: float, foot_xyn: tuple[float, float]) -> None:
        if self.times_s and at_s - self.times_s[-1] < self.step_s * 0.95:
            return
        for values, value in ((self.times_s, at_s), (self.xs, x), (self.ys, y), (self.units, unit)):
            values.append(value)
        self.feet_xyn.append(foot_xyn)
        if len(self.times_s) > PATH_LIMIT:
            self.step_s *= 2.0
            for values in (self.times_s, self.xs, self.ys, self.units):
                del values[1::2]
            del self.feet_xyn[1::2]

    def middle_xyn(self) -> tuple[float, float]:
        """The median foot point in normalised coordinates: the place of the stay as a whole."""
        x, y = np.median(np.array(self.feet_xyn), axis=0).tolist()
        return x, y

    def in_units(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """times (P,) seconds and positions (P, 2) in units: metres, or median body heights where not calibrated."""
        unit = float(np.median(self.units))
        return np.array(self.times_s), np.column_stack((self.xs, self.ys)) / unit


@dataclass(slots=True)
class BoxJitter:
    """How much somebody's box moved and changed lately, in body heights: who lives sways, a parked thing does not."""

    samples: list[tuple[float, float, float, float]] = field(default_factory=list)

    def add(self, at_s: float, centre_x: float, foot_y: float, height: float) -> None:
        """All in frame heights; kept for `JITTER_WINDOW_S`, at most about two samples a second."""
        if self.samples and at_s - self.samples[-1][0] < 0.45:
            return
        self.samples.append((at_s, centre_x, foot_y, height))
        while at_s - self.samples[0][0] > JITTER_WINDOW_S:
            self.samples.pop(0)

    def amount(self) -> float | None:
        """Root mean square deviation of place and height over the window; None while less than 10 s are known.

        The tenth that deviates most is left out, so that a tracker that slips to a passer-by for a moment and back
        does not bring a parked thing to life.
        """
        if len(self.samples) < 8 or self.samples[-1][0] - self.samples[0][0] < 10.0:
            return None
        values = np.array(self.samples)[:, 1:]
        middle = np.median(values, axis=0)
        deviations = np.sort(((values - middle) ** 2).sum(axis=1))
        kept = deviations[: len(deviations) - len(deviations) // 10]
        return math.sqrt(float(kept.mean())) / max(float(middle[2]), 1e-6)


JITTER_WINDOW_S = 60.0


@dataclass(slots=True)
class Episode:
    """One person's stay. `entered` and `last_inside` bound it; `left` is set once it is over.

    Rules read it and never write it.
    """

    person_id: int
    entered: Instant
    last_inside: Instant
    track_ids: list[int]
    path: Path
    box_jitter: BoxJitter
    position: tuple[float, float]
    unit: float
    outside_since: Instant | None = None
    beyond_since: Instant | None = None
    left: bool = False

    @property
    def dwell_s(self) -> float:
        """Seconds from entering to the last moment inside; gaps in between count, nothing after it does."""
        return self.last_inside.mono_s - self.entered.mono_s

    def add_track(self, track_id: int) -> None:
        if track_id not in self.track_ids:
            self.track_ids.append(track_id)


@dataclass(frozen=True, slots=True)
class Presence:
    """A zone at one moment: the open episodes and those that began and ended just now.

    present: the open ones whose person is inside now, or was a blink ago; gaps between tracks are open, not present.
    """

    at: Instant
    open: tuple[Episode, ...]
    entered: tuple[Episode, ...]
    left: tuple[Episode, ...]
    present: tuple[Episode, ...]

    @property
    def count(self) -> int:
        """How many people are inside."""
        return len(self.present)


class ZonePresence:
    """Keeps the episodes of one zone."""

    def __init__(self, polygon: Polygon) -> None:
        self._polygon = polygon
        self._open: dict[int, Episode] = {}
        self._arriving: dict[int, Episode] = {}

    def observe(self, at: Instant, people: Detections, located: Located, stitched: Stitched, aspect: float) -> Presence:
        """Take in one moment; `people`, `located` and `stitched` speak of the same persons in the same order."""
        entered: list[Episode] = []
        left: list[Episode] = []
        self._merge(stitched)
        inside = self._polygon.contains(located.feet_xyn).tolist()
        boxes, track_ids = people.boxes_xyxyn.tolist(), people.track_ids.tolist()
        positions, units = located.positions.tolist(), located.unit_lengths.tolist()
        for index, person_id in enumerate(stitched.person_ids):
            episode = self._open.get(person_id) or self._arriving.get(person_id)
            if inside[index]:
                if episode is None:
                    episode = self._arriving[person_id] = _begin(person_id, at)
                _see(episode, at, boxes[index], positions[index], units[index], aspect)
                episode.add_track(track_ids[index])
                if person_id in self._arriving and episode.dwell_s >= ENTER_AFTER_S:
                    self._open[person_id] = self._arriving.pop(person_id)
                    entered.append(episode)
            elif person_id in self._open and episode is not None:
                height = boxes[index][3] - boxes[index][1]
                beyond = self._polygon.distance_to_edge(located.feet_xyn[index], aspect)[0] > LEAVE_MARGIN * height
                if _see_outside(episode, at, beyond=bool(beyond)):
                    left.append(self._open.pop(person_id))
            else:
                self._arriving.pop(person_id, None)
        left.extend(self._forget(at))
        for episode in left:
            episode.left = True
        present = tuple(
            one
            for one in self._open.values()
            if one.outside_since is None and at.mono_s - one.last_inside.mono_s <= COUNT_HOLD_S
        )
        return Presence(at, tuple(self._open.values()), tuple(entered), tuple(left), present)

    def reset(self) -> None:
        """Forget every stay after frames were lost."""
        self._open.clear()
        self._arriving.clear()

    def _forget(self, at: Instant) -> list[Episode]:
        for person_id in [one for one, early in self._arriving.items() if _unseen_s(early, at) > FORGET_AFTER_S]:
            del self._arriving[person_id]
        over = [one for one, episode in self._open.items() if _unseen_s(episode, at) > FORGET_AFTER_S]
        return [self._open.pop(one) for one in over]

    def _merge(self, stitched: Stitched) -> None:
        """Two persons proved to be one: the earlier stay goes on, with what the later one has seen."""
        for later_id, earlier_id in stitched.merged:
            later = self._open.pop(later_id, None) or self._arriving.pop(later_id, None)
            if later is None:
                continue
            earlier = self._open.get(earlier_id) or self._arriving.get(earlier_id)
            if earlier is not None:
                _absorb(earlier, later)
                continue
            later.person_id = earlier_id
            stays = self._open if later.dwell_s >= ENTER_AFTER_S else self._arriving
            stays[earlier_id] = later


def _unseen_s(episode: Episode, at: Instant) -> float:
    return at.mono_s - episode.last_inside.mono_s


def _begin(person_id: int, at: Instant) -> Episode:
    return Episode(person_id, at, at, [], Path(), BoxJitter(), (0.0, 0.0), 1.0)


def _see(
    episode: Episode, at: Instant, box_xyxyn: list[float], position: list[float], unit: float, aspect: float
) -> None:
    left, top, right, bottom = box_xyxyn
    x, y = position
    episode.last_inside = at
    episode.outside_since = episode.beyond_since = None
    foot_xyn = (left + right) / 2, bottom
    episode.path.add(at.mono_s, x, y, unit, foot_xyn)
    episode.box_jitter.add(at.mono_s, (left + right) / 2 * aspect, bottom, bottom - top)
    episode.position, episode.unit = (x, y), unit


def _see_outside(episode: Episode, at: Instant, *, beyond: bool) -> bool:
    """Note that somebody with an open stay is outside; true if that ends it."""
    if episode.outside_since is None:
        episode.outside_since = at
    if not beyond:
        episode.beyond_since = None
    elif episode.beyond_since is None:
        episode.beyond_since = at
    long_outside = at.mono_s - episode.outside_since.mono_s >= ON_THE_EDGE_S
    return long_outside or (
        episode.beyond_since is not None and at.mono_s - episode.beyond_since.mono_s >= LEAVE_AFTER_S
    )


def _absorb(earlier: Episode, later: Episode) -> None:
    earlier.last_inside = later.last_inside
    earlier.outside_since, earlier.beyond_since = later.outside_since, later.beyond_since
    earlier.position, earlier.unit = later.position, later.unit
    for track_id in later.track_ids:
        earlier.add_track(track_id)
    path = later.path
    for sample in zip(path.times_s, path.xs, path.ys, path.units, path.feet_xyn, strict=True):
        earlier.path.add(*sample)
    for box_sample in later.box_jitter.samples:
        earlier.box_jitter.add(*box_sample)
