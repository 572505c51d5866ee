"""The real path on composed crowds: detector, tracker, tiles and rules, with the truth beside."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import av

from bench.crowds.scenes import ASPECT, Moment
from contract.clock import Instant
from edge.config.calibration import CalibrationConfig
from edge.config.zones import ZoneConfig
from edge.crowds.crowd_count import CrowdEstimate
from edge.crowds.crowd_detector import CrowdDetector
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector import Detector
from edge.rules.engine import CameraBehaviours, build_behaviours
from edge.signals import Observation, Signal, TileRegion
from edge.tracker import Tracker, TrackerSettings
from models.manifest import load_manifest

NOON_WIB = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
ZONE_ID = "square"
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Watched:
    """One moment. people: the truth. counted: by tracks. tiles_ms: CPU time of tiled inference, 0 without."""

    at_s: float
    people: int
    counted: int
    estimate: CrowdEstimate | None
    signals: tuple[Signal, ...]
    tiles_ms: float

    @property
    def told(self) -> float:
        """What the rules go by: the estimate's middle while there is one, the count otherwise."""
        return float(self.counted) if self.estimate is None else max(self.estimate.people, float(self.counted))


class Eyes:
    """One detector for all scenes, and how it looks."""

    def __init__(self) -> None:
        manifest = load_manifest()
        self.detector = Detector(manifest.get(manifest.default))
        self.crowd_detector = CrowdDetector(self.detector)

    def tracker(self) -> Tracker:
        return Tracker(TrackerSettings(strong_score=self.detector.spec.output.strong_score))


def frame_of(moment: Moment) -> Frame:
    """The moment's image as a decoder gives it."""
    image = av.VideoFrame.from_ndarray(moment.image, format="bgr24").reformat(format="yuv420p")
    return Frame.from_av(image, Instant(0.0, NOON_WIB).shifted(moment.at_s))


def square_zone(rules: dict[str, object]) -> ZoneConfig:
    return ZoneConfig.model_validate({"id": ZONE_ID, "name": "Square", "polygon": WHOLE, "rules": rules})


def watch(
    eyes: Eyes,
    moments: Iterable[Moment],
    zones: Sequence[ZoneConfig],
    *,
    estimates: bool = True,
    calibration: CalibrationConfig | None = None,
) -> Iterator[Watched]:
    """Everything that the zones' rules make of the moments; without `estimates` without tiled inference."""
    tracker, behaviours = eyes.tracker(), build_behaviours(zones, calibration=calibration, aspect=ASPECT)
    for moment in moments:
        frame = frame_of(moment)
        people = tracker.update(eyes.detector.detect(frame), moment.at_s, ASPECT)
        began_s = time.thread_time()
        region = behaviours.requests(moment.at_s, people).tiles if estimates else None
        tile_detections = _looked(eyes, frame, region)
        tiles_ms = 1000 * (time.thread_time() - began_s)
        signals = behaviours.observe(Observation(frame.captured, people, ASPECT, tile_detections=tile_detections))
        estimate = behaviours.crowds.get(zones[0].id)
        yield Watched(moment.at_s, len(moment.boxes_xyxyn), _counted(behaviours), estimate, tuple(signals), tiles_ms)


def _looked(eyes: Eyes, frame: Frame, region: TileRegion | None) -> Detections | None:
    return None if region is None else eyes.crowd_detector.detect(frame, region)


def _counted(behaviours: CameraBehaviours) -> int:
    return behaviours.people_count
