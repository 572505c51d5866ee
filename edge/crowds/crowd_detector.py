"""Tiled inference on a crowd that is too dense to count, with every body enlarged to the same height.

The number of boxes that a detector puts on a packed crowd depends on how tall people are in its input. Enlarged to one
height, the number of boxes, low scores included, grows with the number of people: docs/measurements/crowds.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge.decode.frame import Frame
from edge.detections import Detections
from edge.detector.tiling import PersonDetector, Size, Tile, detect_tiles, plan_tiles
from edge.signals import TileRegion

BODY_PX = 80.0
"""Body height in the detector's input, in pixels, to which a crowd is enlarged."""
LEAST_BODY_PX = 4.0
"""Bodies below this height in the frame's own pixels are enlarged no further."""
MAX_TILES = 4
"""A crowd that needs more tiles is enlarged less."""
OVERLAP = 0.4
"""Overlap of neighbouring tiles in body heights, so that everybody is whole in one of them."""
SCALE_STEP = 0.94
"""Ratio of one tried enlargement to the one before."""


class CrowdDetector:
    """Detects people in the region of a dense crowd. Costs one inference per tile, so it runs only on request."""

    def __init__(self, detector: PersonDetector, has_spare_time: Callable[[], bool] = lambda: True) -> None:
        self._detector = detector
        self._has_spare_time = has_spare_time

    def detect(self, frame: Frame, region: TileRegion) -> Detections | None:
        """All person boxes in the region, low scores included, in normalised coordinates of the whole frame.

        None without spare time: the whole frames of all cameras come before the tiles of one.
        """
        if not self._has_spare_time():
            return None
        model_input = self._detector.spec.input
        tiles = plan_crowd_tiles(region, (frame.width, frame.height), (model_input.width, model_input.height))
        return detect_tiles(self._detector, frame, tiles)


def plan_crowd_tiles(region: TileRegion, frame_wh: Size, input_wh: Size) -> tuple[Tile, ...]:
    """One to `MAX_TILES` tiles that cover the region and enlarge bodies to `BODY_PX`, or less where that takes more.

    Bodies that are taller than that in the whole frame are seen in the whole frame.
    """
    body_px = max(LEAST_BODY_PX, region.body_height * frame_wh[1])
    overlap_px = OVERLAP * body_px
    sizes_wh = _tile_sizes(input_wh, BODY_PX / body_px)
    return plan_tiles(region.region, frame_wh, sizes_wh, overlap_px=(overlap_px, overlap_px), max_tiles=MAX_TILES)


def _tile_sizes(input_wh: Size, scale: float) -> Iterator[tuple[float, float]]:
    """Tile sizes in the frame's pixels, growing without end: as large as the frame, one tile covers any region."""
    while True:
        yield input_wh[0] / scale, input_wh[1] / scale
        scale *= SCALE_STEP
