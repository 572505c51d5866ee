"""Join the tracks of one person whom the tracker lost and found again.

The gates are those of `docs/behaviours.md`: a gap of at most 10 s, a distance of at most 1 m + 1.5 m/s x gap (or the
same in body heights), a size ratio of 0.7 to 1.4. Two more keep strangers apart: a person who walked out of the frame
is not the next one who walks in, and nobody turns round unseen at walking speed in a short gap. Of several candidates
the cheapest pair joins first. Only position, time, size and motion are used, no appearance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from edge.detections import Detections
from edge.geometry import Located

MAX_GAP_S = 10.0
NEAR = 1.0
REACH_PER_S = 1.5
SIZE_RATIO = (0.7, 1.4)
JUDGE_AFTER_S = 0.6
"""A new track is judged once its motion is known; until then it is a person of its own, who may turn out to be one."""
JUDGE_BEFORE_S = 2.0
FORGET_AFTER_S = MAX_GAP_S + JUDGE_BEFORE_S
"""A track that began just within the gap is judged a little later: until then the lost person is kept."""
DIED_YOUNG_S = 0.4
"""A track lost before it could be judged is judged by what was seen of it, so that it can link two others."""
VELOCITY_WINDOW_S = 1.2
WALKING = 0.5
"""Units per second from which a velocity is trusted to say a direction."""
OPPOSITE = -0.3
"""Cosine of two directions below which one is the other's opposite."""
TURN_ROUND_S = 5.0
"""Gaps shorter than this are too short to turn round unseen and be back at walking speed."""
FRAME_EDGE = 0.015
"""A box this close to the frame's edge, in normalised coordinates, counts as cut by it."""
PLACE_SIGMA, PLACE_SIGMA_PER_S = 0.35, 0.12
"""Units by which a place may differ from what the motion before and after the gap explains (1 sigma)."""
ANCHORED_S, ANCHORED_WITHIN = 15.0, 0.05
"""Who has not left so small a circle (units) for so long is fixed to the spot: most likely a thing."""
ANCHORED_SIGMA = 0.12
SIZE_SIGMA = 0.2
"""Of the logarithm of the ratio of heights."""
VEER_SIGMA = 2.0
"""Units per second by which the velocity may have changed."""
MAX_COST, ENTERING_COST = 1.8, 0.8
"""Sigmas beyond which a new track is a new person; fewer where it began at the frame's edge. Chosen on simulated
streets (`bench/behaviours/loitering.py`): below, stays fall apart; above, strangers are joined.
"""


@dataclass(slots=True)
class _Sighting:
    """Where a person was: x and y on the plane; foot_xn and foot_yn, the foot in normalised coordinates."""

    at_s: float
    x: float
    y: float
    foot_xn: float
    foot_yn: float


_Box = tuple[float, float, float, float]


@dataclass(slots=True)
class _Person:
    person_id: int
    tracks: list[int]
    born: _Sighting
    born_unit: float
    born_box: _Box
    unit: float
    box: _Box
    anchor: _Sighting
    judged: bool = False
    recent: list[_Sighting] = field(default_factory=list)

    @property
    def seen_s(self) -> float:
        return self.recent[-1].at_s

    def see(self, sighting: _Sighting, unit: float, box: _Box) -> None:
        self.recent.append(sighting)
        while sighting.at_s - self.recent[0].at_s > VELOCITY_WINDOW_S and len(self.recent) > 2:
            self.recent.pop(0)
        self.unit = unit
        self.box = box
        if math.hypot(sighting.x - self.anchor.x, sighting.y - self.anchor.y) > ANCHORED_WITHIN * unit:
            self.anchor = sighting

    @property
    def anchored(self) -> bool:
        return self.seen_s - self.anchor.at_s >= ANCHORED_S

    def velocity(self) -> tuple[float, float]:
        """Units per second on the plane over the last second or so; zero while unknown."""
        first, last = self.recent[0], self.recent[-1]
        elapsed_s = last.at_s - first.at_s
        if elapsed_s < 0.3:
            return 0.0, 0.0
        return (last.x - first.x) / elapsed_s / self.unit, (last.y - first.y) / elapsed_s / self.unit

    def heading_in_frame(self) -> tuple[float, float]:
        """Body heights per second across and down the frame; zero while unknown."""
        first, last = self.recent[0], self.recent[-1]
        elapsed_s = last.at_s - first.at_s
        height = max(self.box[3] - self.box[1], 1e-6)
        if elapsed_s < 0.3:
            return 0.0, 0.0
        across, down = last.foot_xn - first.foot_xn, last.foot_yn - first.foot_yn
        return across / elapsed_s / height, down / elapsed_s / height


@dataclass(frozen=True, slots=True)
class Stitched:
    """person_ids: one per tracked detection, >= 1. velocities: theirs, units/s on the plane, zero while unknown.

    merged: (later, earlier) person ids that proved to be one person.

    gone: persons who have not been seen for longer than a gap may last, and will never be joined again.
    """

    person_ids: tuple[int, ...]
    velocities: tuple[tuple[float, float], ...]
    merged: tuple[tuple[int, int], ...]
    gone: tuple[int, ...]


class Stitcher:
    """One camera's persons. Person ids count from 1, per instance, and mean nothing outside it."""

    def __init__(self) -> None:
        self._persons: dict[int, _Person] = {}
        self._person_of_track: dict[int, int] = {}
        self._next_id = 1

    def observe(self, at_s: float, people: Detections, located: Located) -> Stitched:
        """Take in the tracked people of one moment (every one with a track id >= 1); times must not decrease."""
        gone = self._forget(at_s)
        person_ids = []
        for track_id, position, foot, unit, corners in zip(
            people.track_ids.tolist(),
            located.positions.tolist(),
            located.feet_xyn.tolist(),
            located.unit_lengths.tolist(),
            people.boxes_xyxyn.tolist(),
            strict=True,
        ):
            sighting = _Sighting(at_s, *position, *foot)
            left, top, right, bottom = corners
            box = (left, top, right, bottom)
            person = self._persons.get(self._person_of_track.get(track_id, 0))
            if person is None or (person.recent and person.seen_s == at_s):
                person = self._new(track_id, sighting, unit, box)
            person.see(sighting, unit, box)
            person_ids.append(person.person_id)
        merged = self._judge(at_s)
        renamed = dict(merged)
        final = tuple(renamed.get(one, one) for one in person_ids)
        velocities = tuple(self._persons[one].velocity() for one in final)
        return Stitched(final, velocities, tuple(merged), gone)

    def reset(self) -> None:
        """Forget everybody after frames were lost; numbers continue, so that none is used twice."""
        self._persons.clear()
        self._person_of_track.clear()

    def _new(self, track_id: int, sighting: _Sighting, unit: float, box: _Box) -> _Person:
        """A person for a track that is new, or whose person is already seen in this moment under another track."""
        person = _Person(self._next_id, [track_id], sighting, unit, box, unit, box, sighting)
        self._next_id += 1
        self._persons[person.person_id] = person
        self._person_of_track[track_id] = person.person_id
        return person

    def _forget(self, at_s: float) -> tuple[int, ...]:
        gone = tuple(one.person_id for one in self._persons.values() if at_s - one.seen_s > FORGET_AFTER_S)
        for person_id in gone:
            for track_id in self._persons.pop(person_id).tracks:
                if self._person_of_track.get(track_id) == person_id:
                    del self._person_of_track[track_id]
        return gone

    def _judge(self, at_s: float) -> list[tuple[int, int]]:
        """Decide about the new persons whose motion is known by now: who of them was here before under another id?"""
        due = [one for one in self._persons.values() if not one.judged and _due(one, at_s)]
        if not due:
            return []
        lost = [one for one in self._persons.values() if one.seen_s < at_s]
        pairs = [
            (cost, new.person_id, old.person_id)
            for new in due
            for old in lost
            if old is not new and (cost := _join_cost(old, new)) is not None
        ]
        merged: list[tuple[int, int]] = []
        taken: set[int] = set()
        for _, new_id, old_id in sorted(pairs):
            if new_id not in taken and old_id not in taken:
                taken |= {new_id, old_id}
                self._merge(self._persons[new_id], self._persons[old_id])
                merged.append((new_id, old_id))
        for one in due:
            one.judged = True
        return merged

    def _merge(self, new: _Person, old: _Person) -> None:
        old.tracks.extend(new.tracks)
        for track_id in new.tracks:
            self._person_of_track[track_id] = old.person_id
        old.recent, old.unit, old.box = new.recent, new.unit, new.box
        last = new.recent[-1]
        if math.hypot(last.x - old.anchor.x, last.y - old.anchor.y) > ANCHORED_WITHIN * new.unit:
            old.anchor = new.anchor
        del self._persons[new.person_id]


def _due(one: _Person, at_s: float) -> bool:
    if one.seen_s < at_s:
        return at_s - one.seen_s >= DIED_YOUNG_S
    age_s = at_s - one.born.at_s
    return (age_s >= JUDGE_AFTER_S and len(one.recent) >= 3) or age_s >= JUDGE_BEFORE_S


def _join_cost(old: _Person, new: _Person) -> float | None:
    """How badly `new` continues `old`, 0 best; None if it cannot."""
    gap_s = new.born.at_s - old.seen_s
    if not 0.0 < gap_s <= MAX_GAP_S or _left_frame(old, gap_s):
        return None
    old_height, new_height = old.box[3] - old.box[1], new.born_box[3] - new.born_box[1]
    if not SIZE_RATIO[0] <= new_height / max(old_height, 1e-6) <= SIZE_RATIO[1]:
        return None
    unit = (old.unit + new.born_unit) / 2
    last = old.recent[-1]
    moved = (new.born.x - last.x) / unit, (new.born.y - last.y) / unit
    if math.hypot(*moved) > NEAR + REACH_PER_S * gap_s:
        return None
    before, after = old.velocity(), new.velocity()
    both_walk = min(math.hypot(*before), math.hypot(*after)) > WALKING and gap_s < TURN_ROUND_S
    if both_walk and _cosine(before, after) < OPPOSITE:
        return None
    unexplained = _distance_to_triangle(moved, _times(before, gap_s), _times(after, gap_s))
    place = unexplained / (ANCHORED_SIGMA if old.anchored else PLACE_SIGMA + PLACE_SIGMA_PER_S * gap_s)
    size = math.log(max(new_height, 1e-6) / max(old_height, 1e-6)) / SIZE_SIGMA
    veer = math.hypot(after[0] - before[0], after[1] - before[1]) / VEER_SIGMA
    cost = math.hypot(place, size, veer)
    return cost if cost <= (ENTERING_COST if _is_entering(new) else MAX_COST) else None


def _is_entering(one: _Person) -> bool:
    """Whether a track began at the frame's edge, where new people enter."""
    left, _, right, bottom = one.born_box
    return left <= FRAME_EDGE or right >= 1.0 - FRAME_EDGE or bottom >= 1.0 - FRAME_EDGE


_Vector = tuple[float, float]


def _times(vector: _Vector, factor: float) -> _Vector:
    return vector[0] * factor, vector[1] * factor


def _cosine(a: _Vector, b: _Vector) -> float:
    return (a[0] * b[0] + a[1] * b[1]) / (math.hypot(*a) * math.hypot(*b))


def _distance_to_triangle(point: _Vector, a: _Vector, b: _Vector) -> float:
    """How far a displacement is from every one that going on as before, standing and going as afterwards can make.

    Those displacements fill the triangle of the origin, `a` (only as before) and `b` (only as afterwards).
    """
    corners = ((0.0, 0.0), a, b)
    turns = [
        (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
        for start, end in zip(corners, (a, b, (0.0, 0.0)), strict=True)
    ]
    flat = abs(a[0] * b[1] - a[1] * b[0]) < 1e-12
    if not flat and (min(turns) >= 0 or max(turns) <= 0):
        return 0.0
    return min(_distance_to_segment(point, *edge) for edge in (((0.0, 0.0), a), (a, b), (b, (0.0, 0.0))))


def _distance_to_segment(point: _Vector, start: _Vector, end: _Vector) -> float:
    along = end[0] - start[0], end[1] - start[1]
    length2 = along[0] ** 2 + along[1] ** 2
    part = 0.0
    if length2 > 0:
        part = ((point[0] - start[0]) * along[0] + (point[1] - start[1]) * along[1]) / length2
    part = min(1.0, max(0.0, part))
    return math.hypot(point[0] - start[0] - part * along[0], point[1] - start[1] - part * along[1])


def _left_frame(one: _Person, gap_s: float) -> bool:
    """Whether a person was last seen at the frame's edge on the way out."""
    across, down = one.heading_in_frame()
    if math.hypot(across, down) < WALKING / 2 or gap_s < 0.5:
        return False
    left, _, right, bottom = one.box
    return (
        (left <= FRAME_EDGE and across < -WALKING / 2)
        or (right >= 1.0 - FRAME_EDGE and across > WALKING / 2)
        or (bottom >= 1.0 - FRAME_EDGE and down > WALKING / 2)
    )
