"""Pixels under a privacy mask cannot be recovered."""

from __future__ import annotations

from datetime import UTC, datetime

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.clock import Instant
from edge.decode.frame import Frame
from edge.decode.masks import Polygon, PrivacyMask
from tests.support.data import DataFile
from tests.support.media import Film, Image, people_images

Pixels = npt.NDArray[np.bool_]

NOW = Instant(0.0, datetime(2026, 11, 24, tzinfo=UTC))
DOOR = [(0.31, 0.22), (0.56, 0.27), (0.52, 0.71), (0.28, 0.66)]
SKY = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.1), (0.0, 0.13)]


def noise(width: int, height: int, seed: int = 0, *, full_range: bool = False) -> Frame:
    random = np.random.default_rng(seed)
    chroma = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (random.integers(16, 236, shape, dtype=np.uint8) for shape in ((height, width), chroma, chroma))
    return Frame(y, u, v, NOW, full_range)


def touched(polygon: Polygon, width: int, height: int, samples: int = 5) -> Pixels:
    """Return which pixels have a point inside the polygon: even-odd rule, `samples` squared points per pixel."""
    steps = (np.arange(samples) + 0.5) / samples
    x = (np.arange(width)[:, None] + steps).reshape(1, -1) / width
    y = (np.arange(height)[:, None] + steps).reshape(-1, 1) / height
    inside = np.zeros((height * samples, width * samples), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if y1 == y2:
            continue
        inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return np.asarray(inside.reshape(height, samples, width, samples).any(axis=(1, 3)), dtype=np.bool_)


def differing(frame: Frame, pixels: Pixels) -> Frame:
    """Return the frame with another brightness in those pixels and another colour in every block they touch."""
    y, u, v = frame.y.copy(), frame.u.copy(), frame.v.copy()
    y[pixels] ^= 0x55
    rows, columns = np.nonzero(pixels)
    for plane in (u, v):
        plane[rows // 2, columns // 2] ^= 0x55
    return Frame(y, u, v, frame.captured, frame.full_range)


part = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
corner = st.tuples(part, part)


@example(polygon=[(0.0, 0.0), (0.0, 0.02), (0.435, 1.0)], width=39, height=2)
@settings(max_examples=200, deadline=None)
@given(
    polygon=st.lists(corner, min_size=3, max_size=8),
    width=st.integers(2, 97),
    height=st.integers(2, 67),
)
def test_nothing_under_a_mask_changes_the_masked_frame(polygon: Polygon, width: int, height: int) -> None:
    mask = PrivacyMask([polygon])
    frame = noise(width, height)
    other = differing(frame, touched(polygon, width, height))
    masked, masked_other = mask.burnt_into(frame), mask.burnt_into(other)
    for plane, plane_other in zip(
        (masked.y, masked.u, masked.v), (masked_other.y, masked_other.u, masked_other.v), strict=True
    ):
        assert np.array_equal(plane, plane_other)


def test_real_people_under_a_mask_leave_no_trace_in_any_image_made_from_the_frame(data_file: DataFile) -> None:
    film = Film(width=768, height=576, seconds=0.3)
    first, *_, last = (frame_of(image) for image in people_images(data_file, film))
    mask = PrivacyMask([DOOR, SKY])
    black = mask.covers(first.width, first.height)
    hidden = touched(DOOR, 768, 576) | touched(SKY, 768, 576)
    for frame in (first, last):
        assert frame.y[hidden].std() > 20, "there is something to hide"
        masked, other = mask.burnt_into(frame), mask.burnt_into(differing(frame, hidden))
        assert bool((masked.y[hidden] == 16).all())
        assert masked.jpeg(768, 95) == other.jpeg(768, 95)
        assert np.array_equal(masked.luma(320, 180), other.luma(320, 180))
        for width, height in ((416, 256), (101, 77)):
            assert np.array_equal(masked.bgr(width, height), other.bgr(width, height))
        assert np.array_equal(masked.y[~black], frame.y[~black]), "and nothing else is touched"


def test_an_outline_that_crosses_itself_masks_all_that_it_encloses() -> None:
    star = [(0.5, 0.05), (0.78, 0.95), (0.05, 0.4), (0.95, 0.4), (0.22, 0.95)]
    assert bool(PrivacyMask([star]).covers(200, 200)[100:104, 98:102].all())


def frame_of(image: Image) -> Frame:
    return Frame.from_av(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p"), NOW)


def test_black_is_black_in_either_range() -> None:
    whole = PrivacyMask([[(0, 0), (1, 0), (1, 1), (0, 1)]])
    for full_range in (False, True):
        masked = whole.burnt_into(noise(64, 48, full_range=full_range))
        assert int(masked.bgr(64, 48).max()) == 0


def test_masking_leaves_the_original_frame_unchanged() -> None:
    frame = noise(64, 48)
    before = frame.y.copy()
    masked = PrivacyMask([DOOR]).burnt_into(frame)
    assert np.array_equal(frame.y, before)
    assert not np.shares_memory(frame.y, masked.y)


def test_a_camera_that_changes_its_resolution_stays_masked() -> None:
    mask = PrivacyMask([DOOR])
    for width, height in ((64, 48), (1280, 720), (64, 48)):
        masked = mask.burnt_into(noise(width, height))
        assert bool((masked.y[touched(DOOR, width, height)] == 16).all())


def test_a_mask_is_no_wider_than_two_blocks_around_its_polygon() -> None:
    covered = PrivacyMask([DOOR]).covers(640, 360)
    rows, columns = np.nonzero(covered)
    assert 0.28 * 640 - columns.min() <= 5
    assert columns.max() - 0.56 * 640 <= 5
    assert 0.22 * 360 - rows.min() <= 5
    assert rows.max() - 0.71 * 360 <= 5


@pytest.mark.parametrize(
    ("polygons", "message"),
    [
        ([], "at least one polygon"),
        ([[(0.1, 0.1), (0.2, 0.2)]], "at least three"),
        ([[(0.1, 0.1), (0.2, 0.2), (1.2, 0.3)]], "0 to 1"),
        ([[(0.1, 0.1), (0.2, 0.2), (float("nan"), 0.3)]], "0 to 1"),
    ],
)
def test_masks_without_an_area_are_refused(polygons: list[Polygon], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PrivacyMask(polygons)
