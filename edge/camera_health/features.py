"""The measures of one small luma image by which a camera's view is judged: brightness, detail, sharpness, layout,
edges."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
ComplexArray = npt.NDArray[np.complex64]

WORK_WH = (320, 180)
"""Every image is measured at this size, so that what was learnt survives a change of resolution."""
CELLS_WH = (16, 9)
EDGES_WH = (80, 45)


@dataclass(frozen=True, slots=True, eq=False)
class ViewFeatures:
    """One image's measures. Cells are (9, 16) float32, row by row from the top left.

    bright: the 95th percentile of brightness, 0..255. detail: root mean square gradient of each cell. fine: root mean
    square Laplacian of each cell. layout: mean brightness of each cell. edges: (45, 80) complex64, edge strength at
    doubled direction, so that an edge keeps its value when light and dark change sides, as between day and night.
    """

    bright: float
    detail: FloatArray
    fine: FloatArray
    layout: FloatArray
    edges: ComplexArray

    @classmethod
    def of(cls, luma: Luma) -> ViewFeatures:
        """Measure a (180, 320) uint8 luma image."""
        # As float32: in uint8, rounding alone has a Laplacian of 1.3 levels, more than a bare road in focus.
        smooth = cv2.GaussianBlur(luma.astype(np.float32), (3, 3), 0)
        across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
        down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
        strength = cv2.magnitude(across, down)
        fine = cv2.Laplacian(smooth, cv2.CV_32F)
        # (gx + i gy)^2 / |g|: the gradient's strength at twice its angle.
        weight = 1.0 / np.maximum(strength, 1e-3)
        real = cv2.resize((across * across - down * down) * weight, EDGES_WH, interpolation=cv2.INTER_AREA)
        imaginary = cv2.resize(2.0 * across * down * weight, EDGES_WH, interpolation=cv2.INTER_AREA)
        return cls(
            bright=_bright(luma),
            detail=np.sqrt(_cells(strength * strength)),
            fine=np.sqrt(_cells(fine * fine)),
            layout=_cells(luma),
            edges=(real + 1j * imaginary).astype(np.complex64),
        )


def at_work_size(luma: Luma) -> Luma:
    """Resize a (height, width) uint8 luma image to `WORK_WH`."""
    if luma.shape == (WORK_WH[1], WORK_WH[0]):
        return luma
    return np.asarray(cv2.resize(luma, WORK_WH, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def changed_cells(before: Luma, after: Luma) -> FloatArray:
    """(9, 16) float32, mean absolute difference of each cell."""
    return _cells(cv2.absdiff(before, after))


def _bright(luma: Luma) -> float:
    levels = np.sort(luma[::4, ::4], axis=None)  # faster on uint8 than NumPy's percentile
    return float(levels[round(0.95 * (len(levels) - 1))])


def _cells(values: npt.NDArray[np.generic]) -> FloatArray:
    return np.asarray(cv2.resize(values.astype(np.float32), CELLS_WH, interpolation=cv2.INTER_AREA), dtype=np.float32)
