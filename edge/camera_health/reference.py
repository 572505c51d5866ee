"""A camera's reference view as numbers, and the comparison of the present view with it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt

from edge.camera_health.features import CELLS_WH, EDGES_WH, ComplexArray, FloatArray, ViewFeatures

FORMAT = 2
"""In format 1, `fine` was measured on rounded images; compared with it, every view would seem out of focus."""
_CELL_SHAPE = (CELLS_WH[1], CELLS_WH[0])
_EDGE_SHAPE = (EDGES_WH[1], EDGES_WH[0])
DETAILED_SHARE = 0.4
"""Share of the cells, those richest in detail, by which covering and sharpness are judged: plain walls have neither."""
MIN_STRUCTURE = (1.2, 4.5)
"""Gradient that the upper fifth of the cells must have: (for `has_edges`, for `has_structure`). A bare road has 2.3,
with a car in every other frame 3.4, and passing cars may hide it."""
MIN_STEADINESS = (0.4, 0.6)
"""Steadiness of the edges that the same two need."""
MIN_DETAIL = 0.6
"""Gradient from which a cell has detail that can be lost."""
REACH = 6
"""Points of the edge map, 7.5 % of the frame's width, within which the blocks of a moved view are searched."""
IN_PLACE = 0.75
"""Edges that correlate in place by at least this have not moved, whatever fits elsewhere."""
_BLOCKS = (3, 4)


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceView:
    """A camera's healthy view, averaged over at least half a minute, so that people who pass are not in it.

    It holds edge strengths and directions on 80 x 45 points and brightness, detail and sharpness of 16 x 9 cells:
    enough to notice that a view changed, too little to recognise a person. `steadiness`, 0..1: how well the edges of
    some seconds correlate with it while the view is healthy.
    """

    detail: FloatArray
    fine: FloatArray
    layout: FloatArray
    edges: ComplexArray
    steadiness: float

    @classmethod
    def of(cls, features: Sequence[ViewFeatures]) -> Self:
        """The median cells and mean edges of at least two frames. Raises ValueError for fewer."""
        if len(features) < 2:
            raise ValueError(f"a reference view needs at least 2 frames, got {len(features)}")
        mean = mean_features(features)
        half = len(features) // 2
        early, late = mean_features(features[:half]), mean_features(features[half:])
        steadiness = float(np.clip(correlation(early.edges, late.edges), 0.0, 1.0))
        # The median, so that a car that passed in the first seconds does not count as detail that is lost later.
        detail, fine, layout = (
            np.median([getattr(one, name) for one in features], axis=0).astype(np.float32)
            for name in ("detail", "fine", "layout")
        )
        return cls(detail, fine, layout, mean.edges, steadiness)

    @property
    def has_edges(self) -> bool:
        """Whether the view has steady edges, however faint, that can be found at another place."""
        return self.steadiness >= MIN_STEADINESS[0] and self._structure >= MIN_STRUCTURE[0]

    @property
    def has_structure(self) -> bool:
        """Whether the view has enough edges to see them in any light; a bare road does not."""
        return self.steadiness >= MIN_STEADINESS[1] and self._structure >= MIN_STRUCTURE[1]

    @property
    def _structure(self) -> float:
        cells = np.sort(self.detail, axis=None)  # faster than NumPy's quantile; computed for every frame
        return float(cells[round(0.8 * (cells.size - 1))])

    def followed(self, now: ViewFeatures, weight: float) -> ReferenceView:
        """This view, moved by `weight` (0..1) towards the present one, to follow daylight and seasons."""
        old, new = 1.0 - weight, weight
        return ReferenceView(
            (old * self.detail + new * now.detail).astype(np.float32),
            (old * self.fine + new * now.fine).astype(np.float32),
            (old * self.layout + new * now.layout).astype(np.float32),
            (old * self.edges + new * now.edges).astype(np.complex64),
            old * self.steadiness + new * max(0.0, correlation(now.edges, self.edges)),
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object of about 15 kB."""
        return {
            "format": FORMAT,
            "steadiness": round(self.steadiness, 4),
            "cells": {name: np.round(getattr(self, name), 2).ravel().tolist() for name in ("detail", "fine", "layout")},
            "edges": _packed(self.edges),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Parse what `to_json` returned. Raises ValueError for anything else, with the cause."""
        if stored.get("format") != FORMAT:
            raise ValueError(f"a stored reference view must have format {FORMAT}, got {stored.get('format')!r}")
        try:
            cells = [
                np.asarray(stored["cells"][name], np.float32).reshape(_CELL_SHAPE)
                for name in ("detail", "fine", "layout")
            ]
            detail, fine, layout = cells
            return cls(detail, fine, layout, _unpacked(stored["edges"]), float(stored["steadiness"]))
        except (KeyError, TypeError, ValueError) as broken:
            raise ValueError(f"a stored reference view is not readable: {broken!r}") from broken


@dataclass(frozen=True, slots=True)
class ViewComparison:
    """How a view differs from the reference.

    lost: share of the detailed cells that kept less than a third of their detail.
    lost_area: the same share among all cells with any detail, relative to the best cells.
    dimmed: even the best cells lost their detail.
    sharpness: fine over coarse detail; 1.0 as in the reference.
    layout: correlation of the brightness of the cells, -1..1. contrast: their spread; 1.0 as in the reference.
    in_place: correlation of the edges, divided by `steadiness`.
    moved_gain: how much better the edges, in blocks or as a whole, fit at other places; 0 when they fit in place, or
        when the reference has too few.
    """

    lost: float
    lost_area: float
    dimmed: bool
    sharpness: float
    layout: float
    contrast: float
    in_place: float
    moved_gain: float


def compare(now: ViewFeatures, reference: ReferenceView) -> ViewComparison:
    """Compare the present view, averaged over some seconds, with the reference."""
    detailed = reference.detail >= np.quantile(reference.detail, 1.0 - DETAILED_SHARE)
    kept = (now.detail / np.maximum(reference.detail, 1e-3))[reference.detail >= MIN_DETAIL]
    best_kept = float(np.quantile(kept, 0.9)) if kept.size else 1.0
    # The constants, a few per cent of the values of detailed cells, keep empty cells from dividing by zero.
    sharp_now = (now.fine + 0.02) / (now.detail + 0.05)
    sharp_then = (reference.fine + 0.02) / (reference.detail + 0.05)
    in_place = correlation(now.edges, reference.edges) / max(reference.steadiness, 0.2)
    settled = in_place > IN_PLACE or not reference.has_edges
    return ViewComparison(
        lost=float(np.mean((now.detail < reference.detail / 3.0)[detailed])),
        lost_area=float(np.mean(kept < np.clip(best_kept, 0.5, 1.0) / 3.0)) if kept.size else 0.0,
        dimmed=best_kept < 0.35,
        sharpness=float(np.median((sharp_now / sharp_then)[detailed])),
        layout=_pearson(now.layout, reference.layout),
        contrast=float(now.layout.std() / max(float(reference.layout.std()), 0.5)),
        in_place=in_place,
        moved_gain=0.0
        if settled
        else max(nearby_gain(now.edges, reference.edges), far_gain(now.edges, reference.edges)),
    )


def correlation(now: ComplexArray, then: ComplexArray) -> float:
    """How well two edge maps agree, -1..1; 0 where there are no edges."""
    norm = float(np.sqrt((np.abs(now) ** 2).sum() * (np.abs(then) ** 2).sum()))
    return float((now * np.conj(then)).real.sum()) / norm if norm > 1e-6 else 0.0


def nearby_gain(now: ComplexArray, then: ComplexArray) -> float:
    """How much better the blocks of `then` fit near their place in `now` than in place; 0..2, weighted by their edges.

    Normalised cross-correlation of 3 x 4 blocks within `REACH` points: a view that turned, tilted, rolled or zoomed
    shifts its blocks by different amounts, so that each is searched on its own.
    """
    rows, columns = _EDGE_SHAPE[0] // _BLOCKS[0], _EDGE_SHAPE[1] // _BLOCKS[1]
    padded = np.pad(now, REACH)
    energy = cv2.boxFilter(
        np.abs(padded).astype(np.float32) ** 2, -1, (columns, rows), normalize=False, anchor=(0, 0),
        borderType=cv2.BORDER_CONSTANT,
    )  # fmt: skip
    window = 2 * REACH + 1
    gained = total = 0.0
    for top in range(0, _EDGE_SHAPE[0], rows):
        for left in range(0, _EDGE_SHAPE[1], columns):
            block = then[top : top + rows, left : left + columns]
            around = padded[top : top + rows + 2 * REACH, left : left + columns + 2 * REACH]
            spectrum = np.fft.fft2(around) * np.conj(np.fft.fft2(block, around.shape))
            fits = np.fft.ifft2(spectrum).real[:window, :window]
            own = float((np.abs(block) ** 2).sum())
            # The lower bound keeps noise in an almost empty place from fitting perfectly.
            norm = np.sqrt(np.maximum(energy[top : top + window, left : left + window], 0.05 * own) * own)
            fits = fits / np.maximum(norm, 1e-6)
            gained += own * float(fits.max() - fits[REACH, REACH])
            total += own
    return gained / total if total > 1e-6 else 0.0


def far_gain(now: ComplexArray, then: ComplexArray) -> float:
    """How much better the edges as a whole correlate at the best shift than in place; cyclic, 0..2."""
    norm = float(np.sqrt((np.abs(now) ** 2).sum() * (np.abs(then) ** 2).sum()))
    if norm < 1e-6:
        return 0.0
    fits = np.fft.ifft2(np.fft.fft2(now) * np.conj(np.fft.fft2(then))).real / norm
    return float(fits.max() - fits[0, 0])


def mean_features(features: Sequence[ViewFeatures]) -> ViewFeatures:
    """The mean of the measures of some frames."""
    return ViewFeatures(
        bright=float(np.mean([one.bright for one in features])),
        detail=np.mean([one.detail for one in features], axis=0, dtype=np.float32),
        fine=np.mean([one.fine for one in features], axis=0, dtype=np.float32),
        layout=np.mean([one.layout for one in features], axis=0, dtype=np.float32),
        edges=np.mean([one.edges for one in features], axis=0, dtype=np.complex64),
    )


def _pearson(a: FloatArray, b: FloatArray) -> float:
    one, other = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / norm if norm > 1e-6 else 0.0


def _packed(edges: ComplexArray) -> dict[str, Any]:
    parts: npt.NDArray[np.float32] = np.stack((edges.real, edges.imag))
    scale = max(float(np.abs(parts).max()), 1e-6) / 127.0
    data = np.round(parts / scale).astype(np.int8).tobytes()
    return {"scale": scale, "int8": base64.b64encode(data).decode("ascii")}


def _unpacked(stored: dict[str, Any]) -> ComplexArray:
    parts = np.frombuffer(base64.b64decode(stored["int8"], validate=True), np.int8).reshape(2, *_EDGE_SHAPE)
    return np.asarray((parts[0] + 1j * parts[1]) * float(stored["scale"]), dtype=np.complex64)
