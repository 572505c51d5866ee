"""What tiled inference on far people gains and costs: `python -m bench.eval_far_people [DATA]`.

On every MOT set that has small people (below `FAR_PX` in the detector's input) the region is that of their boxes. A set
`NAME quartered` is added: four frames of a set in one, as a camera with four times the pixels would see them, with the
upper right quarter as the region. AP50 covers all people; recall covers small people in the region at the model's
strong score; `tracked` is the share of those small people who have a confirmed track when the frames pass at the
product's 5 a second. Every way of detecting runs on each frame in turn. The last line is one JSON object.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bench.average_precision import AveragePrecision
from bench.data_folder import data_folder
from bench.motdata import LabelledSet, Truth, find_sets
from contract.clock import Instant
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector import Detector
from edge.detector.far_people import FarPeopleDetector
from edge.detector.far_region import FAR_PX, bounds
from edge.detector.tiling import PersonDetector, Region, input_scale
from edge.tracker import Tracker, TrackerSettings
from models.layouts import iou_matrix
from models.manifest import load_manifest

RATE_HZ = 5.0
QUARTER: Region = (0.5, 0.0, 1.0, 0.5)
Labelled = tuple[Frame, Truth]


@dataclass
class Row:
    """What one way of detecting found."""

    precision: AveragePrecision = field(default_factory=AveragePrecision)
    people: int = 0
    found: int = 0
    tracked: int = 0
    cpu_ms: list[float] = field(default_factory=list)

    def add(self, found: Detections, tracked: Detections, truth: Truth, small: np.ndarray, strong_score: float) -> None:
        """Add one frame; `small`: which people of `truth` count for recall."""
        self.precision.add(found, truth)
        people = truth.boxes_xyxyn[small].astype(np.float32)
        self.people += len(people)
        self.found += _hits(people, found.select(found.scores >= strong_score))
        self.tracked += _hits(people, tracked.tracked)

    def figures(self) -> dict[str, float]:
        return {
            "ap50": round(self.precision.value(), 4),
            "small_people": self.people,
            "small_recall": round(self.found / max(1, self.people), 3),
            "small_tracked": round(self.tracked / max(1, self.people), 3),
            "cpu_ms": round(statistics.mean(self.cpu_ms), 2),
        }


def _hits(people: np.ndarray, found: Detections) -> int:
    return int((iou_matrix(people, found.boxes_xyxyn).max(axis=1, initial=0.0) > 0.5).sum())


def at_rate(labelled: LabelledSet, every: int) -> Iterator[Labelled]:
    """The set's frames at about `RATE_HZ`, and of those every `every`-th."""
    step = max(1, round(labelled.frame_rate_hz / RATE_HZ)) * every
    for count, (index, frame) in enumerate(labelled.frames(step)):
        if isinstance(frame, Frame):
            at = replace(frame.captured, mono_s=count / RATE_HZ)
            yield replace(frame, captured=at), labelled.truths[index]


def quartered(frames: Sequence[Labelled]) -> Iterator[Labelled]:
    """Four stretches of a sequence side by side, each half as tall and wide."""
    count = len(frames) // 4
    for index in range(count):
        parts = [frames[index + quarter * count] for quarter in range(4)]
        planes = (
            np.block([[getattr(parts[0][0], name), getattr(parts[1][0], name)],
                      [getattr(parts[2][0], name), getattr(parts[3][0], name)]])
            for name in ("y", "u", "v")
        )  # fmt: skip
        y, u, v = planes
        truths = [truth for _, truth in parts]
        places = np.array([[0, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0.5, 0.5, 0.5, 0.5]])
        boxes = np.concatenate([one.boxes_xyxyn / 2 + at for one, at in zip(truths, places, strict=True)])
        ignored = np.concatenate([one.ignored_xyxyn / 2 + at for one, at in zip(truths, places, strict=True)])
        ids = np.concatenate([one.ids for one in truths])
        yield replace(parts[0][0], y=y, u=u, v=v), Truth(boxes, ids, ignored)


def small_people(frame: Frame, truth: Truth, input_wh: tuple[int, int]) -> np.ndarray:
    """(N,) bool: who stands below `FAR_PX` in the detector's input."""
    tall_px = (truth.boxes_xyxyn[:, 3] - truth.boxes_xyxyn[:, 1]) * frame.height
    small: np.ndarray = tall_px * input_scale((frame.width, frame.height), input_wh) < FAR_PX
    return small


def region_of(frames: Sequence[Labelled], input_wh: tuple[int, int]) -> Region | None:
    """The smallest region around all small people; None without any."""
    boxes = [truth.boxes_xyxyn[small_people(frame, truth, input_wh)] for frame, truth in frames]
    corners = np.concatenate(boxes).reshape(-1, 2)
    return bounds(corners) if len(corners) else None


def compare(detector: Detector, frames: Sequence[Labelled], region: Region) -> dict[str, dict[str, float]]:
    """One row for each way of detecting, on the same frames in turn."""
    spec = detector.spec
    input_wh = spec.input.width, spec.input.height
    ways: dict[str, PersonDetector] = {
        "no tiles": detector,
        "tiles": FarPeopleDetector(detector, lambda _: region),
        "tiles on every frame": FarPeopleDetector(detector, lambda _: region, every_s=0.0),
    }
    rows = {name: Row() for name in ways}
    trackers = {name: Tracker(TrackerSettings(strong_score=spec.output.strong_score)) for name in ways}
    for frame, truth in frames:
        middles = (truth.boxes_xyxyn[:, :2] + truth.boxes_xyxyn[:, 2:]) / 2
        inside = ((middles >= region[:2]) & (middles <= region[2:])).all(axis=1)
        small = small_people(frame, truth, input_wh) & inside
        for name, way in ways.items():
            # A fresh frame: what one way has shrunk must not be given to the next.
            fresh = replace(frame, captured=Instant(frame.captured.mono_s, frame.captured.utc))
            started = time.thread_time()
            found = way.detect(fresh)
            rows[name].cpu_ms.append(1000 * (time.thread_time() - started))
            tracked = trackers[name].update(found, frame.captured.mono_s, frame.aspect)
            rows[name].add(found, tracked, truth, small, spec.output.strong_score)
    return {name: row.figures() for name, row in rows.items()}


def main(
    data: Annotated[
        Path, typer.Argument(help="folder of MOT sets", default_factory=data_folder, exists=True, file_okay=False)
    ],
    every: Annotated[int, typer.Option(min=1, help="take every Nth of 5 frames a second")] = 1,
) -> None:
    """Measure tiled inference for far people on labelled frames."""
    detector = Detector(load_manifest().get())
    input_wh = detector.spec.input.width, detector.spec.input.height
    results = {}
    for labelled in find_sets(data):
        frames = list(at_rate(labelled, every))
        four = list(quartered(frames))
        cases = {
            labelled.name: (frames, region_of(frames, input_wh)),
            f"{labelled.name} quartered": (four, QUARTER),
        }
        for name, (case, region) in cases.items():
            if region is None or not any(small_people(*one, input_wh).any() for one in case):
                continue
            results[name] = compare(detector, case, region)
            for way, row in results[name].items():
                print(f"{name:28} {way:20}", *(f"{key} {value:<7}" for key, value in row.items()))
    print(json.dumps({"every": every, "sets": results}))


if __name__ == "__main__":
    typer.run(main)
