"""People far from the camera: tiled inference where they are too small in the detector's input."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.config import CameraConfig
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector.far_region import FAR_PX, bounds, calibrated_region
from edge.detector.tiling import PersonDetector, Region, Size, Tile, detect_tile, input_scale, merge, plan_tiles
from models.layouts import iou_matrix
from models.manifest import ModelSpec

MAX_TILES = 2
MIN_GAIN = 1.3
"""A tile that enlarges people less than this, against the whole frame, is not worth an inference."""
ENOUGH_GAIN = 1.8
"""If one tile enlarges people this much, a second is not worth an inference."""
GAIN_STEP = 0.97
"""Ratio of one tried enlargement to the one before."""

EARLY_S = 0.05
"""Frames do not come quite evenly: tiles may run this much before they are due."""
FRUITLESS_RUNS = 50
"""A tile that showed nobody new in this many runs becomes rare."""
RARE_FACTOR = 5
"""A rare tile waits this many times longer: 2 s at the usual 0.4 s. Once it shows somebody new it is frequent again."""


class FarPeopleDetector:
    """A detector for one camera that adds tiled inference where people are small. Not thread-safe.

    What tiles show overrules the calibration: a tile that shows nobody new becomes rare.
    """

    def __init__(
        self,
        detector: PersonDetector,
        region_for: Callable[[Size], Region | None],
        *,
        every_s: float = 0.4,
        has_spare_time: Callable[[], bool] = lambda: True,
        on_tiles: Callable[[bool], None] | None = None,
    ) -> None:
        """region_for: where people are small in frames of this size, None: nowhere. every_s: seconds between tiles.

        on_tiles: called when tiles are due, with whether they run (true) or are withheld for lack of time.
        """
        self._detector = detector
        self._input_wh = detector.spec.input.width, detector.spec.input.height
        self._region_for = region_for
        self._every_s = every_s
        self._has_spare_time = has_spare_time
        self._on_tiles = on_tiles
        self._frame_wh = (0, 0)
        self._schedules: list[_TileSchedule] = []

    @property
    def spec(self) -> ModelSpec:
        """The model that runs on frames and tiles."""
        return self._detector.spec

    def detect(self, frame: Frame) -> Detections:
        """The people in the frame, highest score first, including those of the tiles that are due."""
        whole = self._detector.detect(frame)
        self._plan((frame.width, frame.height))
        at_mono_s = frame.captured.mono_s
        due = [one for one in self._schedules if one.is_due(at_mono_s, self._every_s)]
        if not due:
            return whole
        runs = self._has_spare_time()
        if self._on_tiles is not None:
            self._on_tiles(runs)
        if not runs:
            return whole
        parts = [whole]
        for one in due:
            found = self._detect_small(frame, one.tile)
            one.ran(at_mono_s, showed_more=self._shows_more(found, whole))
            parts.append(found)
        return merge(parts, self.spec.output.nms_iou)

    def tiles_for(self, frame_wh: Size) -> tuple[Tile, ...]:
        """The tiles of frames of this size; none where they would gain too little."""
        self._plan(frame_wh)
        return tuple(one.tile for one in self._schedules)

    def _plan(self, frame_wh: Size) -> None:
        if frame_wh != self._frame_wh:
            region = self._region_for(frame_wh)
            tiles = () if region is None else plan_far_tiles(region, frame_wh, self._input_wh)
            self._schedules = [_TileSchedule(tile) for tile in tiles]
            self._frame_wh = frame_wh

    def _detect_small(self, frame: Frame, tile: Tile) -> Detections:
        """The small people whom the tile shows whole; the whole frame shows the tall ones better."""
        found = detect_tile(self._detector, frame, tile, keep_cut=False)
        height_px = (found.boxes_xyxyn[:, 3] - found.boxes_xyxyn[:, 1]) * frame.height
        return found.select(height_px * input_scale((frame.width, frame.height), self._input_wh) < 2 * FAR_PX)

    def _shows_more(self, found: Detections, whole: Detections) -> bool:
        """Whether a tile shows a confident box where the whole frame has none."""
        output = self.spec.output
        new, known = (one.boxes_xyxyn[one.scores >= output.strong_score] for one in (found, whole))
        return bool((iou_matrix(new, known).max(axis=1, initial=0.0) <= output.nms_iou).any())


def detector_for_camera(
    detector: PersonDetector,
    camera: CameraConfig,
    has_spare_time: Callable[[], bool] = lambda: True,
    on_tiles: Callable[[bool], None] | None = None,
) -> PersonDetector:
    """The detector for this camera: with tiles for far people where its settings or its calibration ask for them."""
    settings = camera.far_people
    if settings is None or (settings.region is None and camera.calibration is None):
        return detector
    polygon, spec = settings.region, detector.spec

    def region_for(frame_wh: Size) -> Region | None:
        if polygon is not None:
            return bounds(polygon)
        return calibrated_region(camera, frame_wh, (spec.input.width, spec.input.height))

    return FarPeopleDetector(
        detector, region_for, every_s=settings.every_s, has_spare_time=has_spare_time, on_tiles=on_tiles
    )


def plan_far_tiles(region: Region, frame_wh: Size, input_wh: Size) -> tuple[Tile, ...]:
    """The tiles that enlarge a region most: one if it enlarges by `ENOUGH_GAIN`, otherwise up to `MAX_TILES`.

    None where the gain stays below `MIN_GAIN`. Tiles have the input's shape and are never smaller than the input, as
    enlarging beyond the frame's own pixels shows nothing new. Neighbours overlap by a small person.
    """
    small_px = FAR_PX / input_scale(frame_wh, input_wh)
    for least_gain, max_tiles in ((ENOUGH_GAIN, 1), (MIN_GAIN, MAX_TILES)):
        sizes_wh = _tile_sizes(frame_wh, input_wh, least_gain)
        tiles = plan_tiles(region, frame_wh, sizes_wh, overlap_px=(small_px / 2, small_px), max_tiles=max_tiles)
        if tiles:
            return tiles
    return ()


def _tile_sizes(frame_wh: Size, input_wh: Size, least_gain: float) -> Iterator[tuple[float, float]]:
    """Tile sizes in even pixels of the frame, from the greatest enlargement down to `least_gain`."""
    scale = input_scale(frame_wh, input_wh)
    gain = 1.0 / scale
    while gain >= least_gain:
        width, height = (int(side / (scale * gain)) // 2 * 2 for side in input_wh)
        yield width, height
        gain *= GAIN_STEP


@dataclass(slots=True)
class _TileSchedule:
    """A tile, when it last ran, and how many runs ago it last showed somebody new."""

    tile: Tile
    ran_mono_s: float = -math.inf
    fruitless_runs: int = 0

    def is_due(self, at_mono_s: float, every_s: float) -> bool:
        wait_s = every_s * (RARE_FACTOR if self.fruitless_runs >= FRUITLESS_RUNS else 1)
        return at_mono_s - self.ran_mono_s >= wait_s - EARLY_S

    def ran(self, at_mono_s: float, *, showed_more: bool) -> None:
        self.ran_mono_s = at_mono_s
        self.fruitless_runs = 0 if showed_more else self.fruitless_runs + 1
