"""Running and counter-flow on real people of PETS2009's square, none of whom was asked to run or to walk against
others.

Running: every third frame of the real video, shown at the camera's own rate, makes people who walk at 1.2 m/s move at
    3.6 m/s: with real bodies, occlusions and detector errors, and steps as long as a runner's, but the gait of walkers.

Counter-flow: its crowds all walk one way. The camera learns from one of them (composed, `bench/crowds`); then people
come who walk the other way: the opposite crowd, and the people of the real sparse video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import numpy.typing as npt

from bench.behaviours.calibration import HEIGHT, PETS, WIDTH, Tsai
from bench.crowds.scenes import square, walking
from bench.crowds.sprites import SPARSE, VIDEO, Cast, cast
from bench.crowds.watching import frame_of
from bench.motdata import FloatArray, Truth, read_mot
from bench.tracker_sets import PETS_RATE_HZ, read_cvml
from contract.clock import Instant
from contract.event import Phase
from edge.config.zones import ZoneConfig
from edge.detections import Detections
from edge.detector import Detector
from edge.learned.dwell import cell_of
from edge.learned.flow import FlowMap
from edge.learned.state import CameraLearned
from edge.rules.engine import CameraBehaviours, build_behaviours
from edge.signals import Observation
from edge.tracker import Tracker, TrackerSettings
from models.manifest import load_manifest

NOON_WIB = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
TO_THE_LEFT, TO_THE_RIGHT = "S1L1-1", "S1L1-2"
"""Two crowds that cross the square; 43 of 44 people and 33 of 37 walk the way that the name says."""
GOES = 0.2
"""A person goes to one side if they move by this share of the frame's width from first to last sight."""
AGAINST_FOR_S = 3.0
"""A person walks against the flow if they do so for this long over ground with known flow; the rule asks for 2 s."""
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
OVER_MPS, UNDER_MPS, FOR_S = 3.5, 2.5, 1.5
"""A person runs who exceeds the first speed for this long, and does not run who never exceeds the second; speeds
between, around the rule's limit of 3 m/s, are not scored."""
SPAN_S = 1.0
"""A true speed is the distance over this time."""
SLACK_S = 1.5
CASTS, WEIGHT = 2, 30.0
"""The crowd crosses this often, each time with another cast, and every crossing counts this often: half an hour."""
MATCHES = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """Detections of every frame, computed once; tracking depends on the order in which frames are shown."""

    rate_hz: float
    aspect: float
    detections: tuple[Detections, ...]
    truths: tuple[Truth, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """Alerts against the truth. hit: of `true` cases those with an alert. false: alerts without a case.

    unscored: alerts about people between the limits, or whose speed or direction the annotation does not give.
    still: cases in which nothing should alert.
    """

    true: int
    hit: int
    false: int
    unscored: int
    still: int

    @property
    def told(self) -> str:
        return f"{self.hit} of {self.true} ({self.false} false, {self.unscored} unscored, {self.still} others)"


@dataclass(frozen=True, slots=True)
class MotionAlert:
    """An alert: from which frame to which, and about which annotated person."""

    begins: int
    ends: int
    person: int | None


@cache
def _detector() -> Detector:
    manifest = load_manifest()
    return Detector(manifest.get(manifest.default))


@cache
def square_footage() -> Footage:
    labelled = read_mot(VIDEO / SPARSE)
    found = tuple(_detector().detect(frame) for _, frame in labelled.frames())
    return Footage(PETS_RATE_HZ, labelled.aspect, found, labelled.truths[: len(found)])


@cache
def crowd_footage(name: str, seed: int) -> Footage:
    found, truths = [], []
    for moment, truth in zip(
        walking(_actors(), name, seed), read_cvml(PETS / f"annotations/PETS2009-{name}.xml"), strict=True
    ):
        found.append(_detector().detect(frame_of(moment)))
        truths.append(truth)
    return Footage(PETS_RATE_HZ, WIDTH / HEIGHT, tuple(found), tuple(truths))


@cache
def _actors() -> Cast:
    return cast()


def shown(footage: Footage, order: Sequence[int], first_s: float = 0.0, first_id: int = 0) -> Iterator[Observation]:
    """The frames in this order at the footage's own rate, tracked."""
    strong_score = _detector().spec.output.strong_score
    tracker = Tracker(TrackerSettings(strong_score=strong_score))
    start = Instant(0.0, NOON_WIB)
    for number, index in enumerate(order):
        at_s = first_s + number / footage.rate_hz
        people = tracker.update(footage.detections[index], at_s, footage.aspect)
        ids = np.where(people.track_ids > 0, people.track_ids + first_id, 0)
        yield Observation(start.shifted(at_s), replace(people, track_ids=ids), footage.aspect)


def running(times: int, *, calibrated: bool) -> Moved:
    """The sparse square shown `times` times as fast, from each of its first frames; by person and stretch."""
    footage, calibration = square_footage(), square() if calibrated else None
    scored = [Moved(0, 0, 0, 0, 0)]
    for first in range(times):
        order = range(first, len(footage.detections), times)
        behaviours = build_behaviours([_zone("running")], calibration=calibration, aspect=footage.aspect)
        alerts: dict[str, MotionAlert] = {}
        for number, observation in enumerate(shown(footage, order)):
            for signal in behaviours.observe(observation):
                if signal.phase is Phase.BEGAN:
                    person = _person(footage.truths[order[number]], observation.people, signal.track_ids[0])
                    alerts[signal.key] = MotionAlert(number, len(order), person)
                else:
                    alerts[signal.key] = replace(alerts[signal.key], ends=number)
        scored.append(_score(list(alerts.values()), _speeds(footage, order), footage.rate_hz))
    return _sum(scored)


def counter_flow(seed: int) -> tuple[Moved, Moved]:
    """(against the opposite composed crowd, against people of the real sparse video), each crowd learned once."""
    composed, real = [Moved(0, 0, 0, 0, 0)], [Moved(0, 0, 0, 0, 0)]
    for learnt, side, other in ((TO_THE_LEFT, -1, TO_THE_RIGHT), (TO_THE_RIGHT, 1, TO_THE_LEFT)):
        state = _learned(learnt, seed)
        # The same crowd with another cast, hardly any of whom walk against it; and the opposite crowd.
        shown_to_it = (crowd_footage(learnt, seed + CASTS), crowd_footage(other, seed))
        composed += [_against(footage, state, side) for footage in shown_to_it]
        real.append(_against(square_footage(), state, side))
    return _sum(composed), _sum(real)


def _learned(name: str, seed: int) -> bytes:
    """What a camera has learned after the crowd has crossed, in stored form."""
    zone = _zone("counter_flow")
    behaviours = CameraBehaviours([zone], learned=CameraLearned())
    for cast_number in range(CASTS):
        footage = crowd_footage(name, seed + cast_number)
        lasts_s = len(footage.detections) / footage.rate_hz + 20.0
        for observation in shown(footage, range(len(footage.detections)), cast_number * lasts_s, cast_number * 1000):
            behaviours.observe(observation)
    flow = behaviours.learned.zone(zone.id, zone.polygon).flow
    flow.cells = {cell: [WEIGHT * one for one in histogram] for cell, histogram in flow.cells.items()}
    return behaviours.learned.encode()


def _against(footage: Footage, state: bytes, side: int) -> Moved:
    """The people whom counter-flow reports; side: 1 where the learned crowd went to the right, -1 to the left."""
    zone = _zone("counter_flow")
    behaviours = CameraBehaviours([zone], learned=CameraLearned.decode(state))
    reported = [
        _person(truth, observation.people, signal.track_ids[0])
        for truth, observation in zip(footage.truths, shown(footage, range(len(footage.detections))), strict=True)
        for signal in behaviours.observe(observation)
        if signal.phase is Phase.BEGAN
    ]
    flow = CameraLearned.decode(state).zone(zone.id, zone.polygon).flow
    ways, known_s = _ways(footage, flow)
    against = {one for one, way in ways.items() if way * side < -GOES and known_s[one] >= AGAINST_FOR_S}
    along = {one for one, way in ways.items() if way * side > GOES}
    return Moved(
        true=len(against),
        hit=len(against & set(reported)),
        false=sum(one in along for one in reported),
        unscored=sum(one not in along and one not in against for one in reported),
        still=len(along),
    )


def _ways(footage: Footage, flow: FlowMap) -> tuple[dict[int, float], dict[int, float]]:
    """By person: share of the frame's width gone to the right, and seconds on ground with known flow."""
    first: dict[int, float] = {}
    ways: dict[int, float] = {}
    known_s: dict[int, float] = {}
    for truth in footage.truths:
        for person, box in zip(truth.ids.tolist(), truth.boxes_xyxyn, strict=True):
            x, y = float(box[0] + box[2]) / 2, float(box[3])
            first.setdefault(person, x)
            ways[person] = x - first[person]
            known = flow.share(cell_of(x, y), (1.0, 0.0)) is not None
            known_s[person] = known_s.get(person, 0.0) + known / footage.rate_hz
    return ways, known_s


def _speeds(footage: Footage, order: Sequence[int]) -> dict[int, FloatArray]:
    """By person: (len(order),) speeds in m/s over `SPAN_S` by the surveyed camera, NaN while absent."""
    camera = Tsai.read(PETS / "calibration/View_001.xml")
    feet: dict[int, FloatArray] = {}
    for number, index in enumerate(order):
        truth = footage.truths[index]
        boxes = truth.boxes_xyxyn * np.tile([WIDTH, HEIGHT], 2)
        metres = camera.ground(np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3])))
        for person, place in zip(truth.ids.tolist(), metres, strict=True):
            feet.setdefault(person, np.full((len(order), 2), np.nan))[number] = place
    half = max(1, round(SPAN_S * footage.rate_hz / 2))
    speeds = {}
    for person, path in feet.items():
        away = np.full(len(order), np.nan)
        away[half:-half] = np.hypot(*(path[2 * half :] - path[: -2 * half]).T) / (2 * half / footage.rate_hz)
        speeds[person] = away
    return speeds


def _person(truth: Truth, people: Detections, track_id: int) -> int | None:
    """The annotated person on whom the track's box lies; None for no one."""
    mine = people.boxes_xyxyn[people.track_ids == track_id]
    if len(mine) == 0 or len(truth.ids) == 0:
        return None
    boxes, (x1, y1, x2, y2) = truth.boxes_xyxyn, mine[0].tolist()
    across = np.minimum(boxes[:, 2], x2) - np.maximum(boxes[:, 0], x1)
    down = np.minimum(boxes[:, 3], y2) - np.maximum(boxes[:, 1], y1)
    shared = np.clip(across, 0, None) * np.clip(down, 0, None)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) + (x2 - x1) * (y2 - y1)
    overlap = shared / (area - shared)
    best = int(np.argmax(overlap))
    return int(truth.ids[best]) if overlap[best] >= MATCHES else None


def _score(alerts: Sequence[MotionAlert], speeds: dict[int, FloatArray], rate_hz: float) -> Moved:
    """Score the alerts; an alert that stays open also counts for the person's next stretch."""
    reach = round(SLACK_S * rate_hz)
    true = hit = still = 0
    right: set[MotionAlert] = set()
    for person, speed in speeds.items():
        fast = np.nan_to_num(speed)
        still += not (fast > UNDER_MPS).any()
        for begins, ends in _stretches(fast > OVER_MPS):
            if (ends - begins) / rate_hz >= FOR_S:
                mine = [
                    one for one in alerts if one.person == person and one.begins <= ends + reach and one.ends >= begins
                ]
                true, hit = true + 1, hit + bool(mine)
                right.update(mine)
    rest = [one for one in alerts if one not in right]
    unscored = 0
    for one in rest:
        around = slice(max(0, one.begins - reach), one.begins + reach)
        unscored += one.person is None or not (speeds[one.person][around] <= UNDER_MPS).all()
    return Moved(true, hit, len(rest) - unscored, unscored, still)


def _stretches(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _sum(some: Sequence[Moved]) -> Moved:
    columns = zip(*((one.true, one.hit, one.false, one.unscored, one.still) for one in some), strict=True)
    return Moved(*(sum(column) for column in columns))


def _zone(rule: str) -> ZoneConfig:
    return ZoneConfig.model_validate({"id": "whole", "name": "Whole", "polygon": WHOLE, "rules": {rule: {}}})
