from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from bench.eval_far_people_filter import decoded, encode
from bench.motdata import Truth
from contract.clock import Instant
from edge.decode.frame import Frame

STARTS = Instant(0.0, datetime(2026, 11, 24, tzinfo=UTC))


@pytest.mark.parametrize("filtered", [True, False])
def test_what_was_encoded_comes_back_at_the_products_rate_with_what_is_in_it(tmp_path: Path, filtered: bool) -> None:
    rng = np.random.default_rng(3)
    ground = rng.integers(60, 180, (92, 161)).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)[:183, :321]
    chroma = np.full((92, 161), 128, np.uint8)
    nobody = np.empty((0, 4))
    four = [
        (
            Frame(np.asarray(ground // 2 + 10 * number, dtype=np.uint8), chroma, chroma, STARTS),
            Truth(nobody, np.array([], np.int64), nobody),
        )
        for number in range(12)
    ]
    encode(four, 10.0, "libx264", 20, tmp_path / "camera.mp4")
    found = list(decoded(tmp_path / "camera.mp4", four, 2, filtered=filtered))
    assert [round(frame.captured.mono_s, 3) for frame, _ in found] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert {(frame.width, frame.height) for frame, _ in found} == {(320, 182)}  # odd sides lose a line: 4:2:0
    assert [truth for _, truth in found] == [truth for _, truth in four[::2]]
    for (frame, _), (given, _) in zip(found, four[::2], strict=True):
        assert float(frame.y.mean()) == pytest.approx(float(given.y.mean()), abs=2.0)
