"""Sequences for measuring trackers: detections and truth with times, sampled at any lower rate and phase."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.motdata import FloatArray, LabelledSet, Truth
from bench.simulated_detector import SimulatedDetector
from bench.simulated_walkers import walkers
from bench.tracking_scores import TrackedFrame
from edge.detections import Detections
from edge.detector import Detector

# The CVML annotations of PETS2009 lack size and rate; its README gives 768 x 576 pixels at 7 frames a second.
PETS_SIZE_PX = (768, 576)
PETS_RATE_HZ = 7.0
WALKERS_ASPECT = 16 / 9


@dataclass(frozen=True, slots=True)
class TrackSequence:
    """Detections and truth of one fixed camera, frame by frame at `rate_hz`."""

    name: str
    rate_hz: float
    aspect: float
    detections: tuple[Detections, ...]
    truths: tuple[Truth, ...]

    def indices(self, rate_hz: float, phase: float) -> list[int]:
        """The frames that a camera analysed at `rate_hz` takes, from `phase` (0..1) of the first interval on."""
        step = max(1.0, self.rate_hz / rate_hz)
        ticks = np.arange(phase * step, len(self.truths), step)
        return sorted({int(tick) for tick in ticks})

    def phases(self, rate_hz: float) -> list[float]:
        """One phase for each frame of an interval, at most four, so that each frame is used about once."""
        count = min(4, max(1, int(self.rate_hz / rate_hz)))
        return [index / count for index in range(count)]

    def tracked(self, index: int, boxes_xyxyn: FloatArray, ids: FloatArray) -> TrackedFrame:
        """A frame for scoring, without the boxes that lie on regions to ignore."""
        truth = self.truths[index]
        return TrackedFrame(truth.boxes_xyxyn, truth.ids, boxes_xyxyn, ids.astype(np.int64))


def detected(labelled: LabelledSet, detector: Detector) -> TrackSequence:
    """A video with the boxes of a real detector."""
    found = [detector.detect(frame) for _, frame in labelled.frames()]
    truths = labelled.truths[: len(found)]
    return TrackSequence(labelled.name, labelled.frame_rate_hz, labelled.aspect, tuple(found), truths)


def thinned(sequence: TrackSequence, seed: int, share: float = 0.03) -> TrackSequence:
    """The same sequence with a random share of the boxes left out."""
    rng = np.random.default_rng(seed)
    kept = tuple(found.select(rng.random(len(found)) >= share) for found in sequence.detections)
    return replace(sequence, name=f"{sequence.name}-{seed}", detections=kept)


def simulated(name: str, rate_hz: float, aspect: float, truths: list[Truth], seed: int) -> TrackSequence:
    """True boxes as a detector with misses, jitter, occlusion and clutter would see them."""
    detector = SimulatedDetector(aspect, 1 / rate_hz, seed)
    return TrackSequence(name, rate_hz, aspect, tuple(detector.see(truth) for truth in truths), tuple(truths))


def annotated(folder: Path, seed: int) -> Iterator[TrackSequence]:
    """The PETS2009 crowds that are annotated in CVML (by Milan), with a simulated detector."""
    for path in sorted(folder.glob("PETS2009-*.xml")):
        if not path.stem.endswith("cropped"):
            yield simulated(path.stem, PETS_RATE_HZ, PETS_SIZE_PX[0] / PETS_SIZE_PX[1], read_cvml(path), seed)


def crossings(seeds: range) -> Iterator[TrackSequence]:
    """Simulated people who walk, stop, turn and cross, at 25 frames a second."""
    for seed in seeds:
        yield simulated(f"crossings-{seed}", 25.0, WALKERS_ASPECT, walkers(WALKERS_ASPECT, seed=seed), seed)


def read_cvml(path: Path) -> list[Truth]:
    truths = []
    for frame in ET.parse(path).getroot().iter("frame"):  # noqa: S314 - the caller chooses these annotations
        rows = []
        for person in frame.iter("object"):
            box = person.find("box")
            if box is not None:
                rows.append([float(person.attrib["id"]), *(float(box.attrib[key]) for key in ("xc", "yc", "w", "h"))])
        table = np.array(rows, dtype=np.float64).reshape(-1, 5)
        boxes = np.concatenate((table[:, 1:3] - table[:, 3:5] / 2, table[:, 1:3] + table[:, 3:5] / 2), axis=1)
        truths.append(Truth(boxes / np.tile(PETS_SIZE_PX, 2), table[:, 0].astype(np.int64), np.empty((0, 4))))
    return truths
