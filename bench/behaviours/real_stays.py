"""Stays of real people: the annotated walks of PETS2009 S2L1, seen with misses and with broken ids.

The truth is the annotation: how long each person is in the zone without a break. The staying score is off, because the
    test is whether time is counted, not whether the walk looks like staying.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.behaviours.calibration import HEIGHT, PETS, WIDTH
from bench.behaviours.loitering import Scored
from bench.behaviours.matching import Matched, figures, match
from bench.behaviours.naive import timer_per_id
from bench.scenarios.sensor import NOON_WIB, IdBreaker, Sensor
from contract.clock import Instant
from contract.event import Phase
from edge.config.zones import ZoneConfig
from edge.detections import Detections
from edge.geometry import Polygon
from edge.presence.episodes import LEAVE_AFTER_S
from edge.rules.engine import CameraBehaviours
from edge.signals import Observation

Array = npt.NDArray[np.float64]
FPS = 7.0
THRESHOLD_S = 12.0
ZONE = ((0.2, 0.3), (0.8, 0.3), (0.8, 0.9), (0.2, 0.9))
MISS = 0.3


def walks(path: Path) -> dict[int, dict[int, Array]]:
    """By person and frame: the box x1 y1 x2 y2 in normalised coordinates."""
    found: dict[int, dict[int, Array]] = defaultdict(dict)
    for frame in ET.parse(path).getroot().iter("frame"):  # noqa: S314 -- a file of the benchmark's own data
        number = int(frame.attrib["number"])
        for person in frame.iter("object"):
            box = person.find("box")
            if box is not None:
                x, y, w, h = (float(box.attrib[key]) for key in ("xc", "yc", "w", "h"))
                corners = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
                found[int(person.attrib["id"])][number] = corners / np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    return found


def due(people: dict[int, dict[int, Array]]) -> list[float]:
    """When each stay reaches the threshold, seconds; absences shorter than those that end a stay are bridged."""
    polygon = Polygon.of(ZONE)
    wanted = []
    for boxes in people.values():
        frames = sorted(boxes)
        feet = np.array([((boxes[n][0] + boxes[n][2]) / 2, boxes[n][3]) for n in frames])
        inside = [frame for frame, here in zip(frames, polygon.contains(feet).tolist(), strict=True) if here]
        since = last = None
        for frame in inside:
            if since is None or last is None or frame - last > LEAVE_AFTER_S * FPS:
                since, is_due = frame, False
            last = frame
            if not is_due and (frame - since) / FPS >= THRESHOLD_S:
                wanted.append(since / FPS + THRESHOLD_S)
                is_due = True
    return wanted


def seen(people: dict[int, dict[int, Array]], life_s: float, seed: int) -> list[Observation]:
    """The walks as a detector and a tracker with broken ids would show them."""
    rng = np.random.default_rng(seed)
    ids = IdBreaker(rng, Sensor(id_life_s=life_s))
    start = Instant(0.0, NOON_WIB)
    observations = []
    for frame in range(1, max(max(boxes) for boxes in people.values()) + 1):
        at_s = frame / FPS
        there = [one for one, boxes in people.items() if frame in boxes and rng.uniform() >= MISS]
        shown = [(one, track) for one in there if (track := ids.of(one, at_s)) > 0]
        boxes = [np.clip(people[one][frame], 0.0, 1.0) for one, _ in shown]
        tracked = Detections.of(boxes, [0.9] * len(boxes), [track for _, track in shown])
        observations.append(Observation(start.shifted(at_s), tracked, WIDTH / HEIGHT))
    return observations


def real_stays(seed: int, *, rounds: int) -> Scored:
    """Our rule and a timer per id, over several draws of misses and of ids that live 10 to 60 s."""
    people = walks(PETS / "annotations/PETS2009-S2L1.xml")
    wanted = due(people)
    loitering = {"threshold_s": THRESHOLD_S, "min_score": 0.0, "min_box_jitter": 0.0}
    zone = ZoneConfig.model_validate({"id": "z", "name": "z", "polygon": ZONE, "rules": {"loitering": loitering}})
    ours: list[Matched] = []
    naive: list[Matched] = []
    for number in range(rounds):
        observations = seen(people, (10.0, 20.0, 30.0, 60.0)[number % 4], seed * 1000 + number)
        camera = CameraBehaviours([zone])
        said = [one for observation in observations for one in camera.observe(observation)]
        ours.append(match(wanted, [one.captured.mono_s for one in said if one.phase is Phase.BEGAN]))
        naive.append(match(wanted, timer_per_id(observations, Polygon.of(ZONE), THRESHOLD_S)))
    return Scored(figures(ours, seed), figures(naive, seed))
