"""Calibration against the surveyed camera of PETS2009 (Tsai model, view 1): distances between people on the ground."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data_folder import data_folder
from bench.scores import Interval, bootstrap
from edge.calibration.ground import calibrate
from edge.config.calibration import CalibrationConfig

Array = npt.NDArray[np.float64]
PETS = data_folder() / "tracks/pets2009"
WIDTH, HEIGHT = 768, 576


@dataclass(frozen=True, slots=True, eq=False)
class Tsai:
    """The camera of Tsai (1987): rotation (3, 3) and shift (3,) in mm, radial distortion, sensor cells in mm."""

    rotation: Array
    shift: Array
    focal: float
    kappa: float
    centre: tuple[float, float]
    cell: tuple[float, float]
    stretch: float

    @classmethod
    def read(cls, path: Path) -> Tsai:
        root = ET.parse(path).getroot()  # noqa: S314 -- a file of the benchmark's own data
        numbers = {f"{child.tag}.{key}": float(value) for child in root for key, value in child.attrib.items()}
        (sx, cx), (sy, cy), (sz, cz) = (
            (np.sin(numbers[f"Extrinsic.r{axis}"]), np.cos(numbers[f"Extrinsic.r{axis}"])) for axis in "xyz"
        )
        rotation = np.array(
            [
                [cy * cz, cz * sx * sy - cx * sz, sx * sz + cx * cz * sy],
                [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - cz * sx],
                [-sy, cy * sx, cx * cy],
            ]
        )
        return cls(
            rotation,
            np.array([numbers[f"Extrinsic.t{axis}"] for axis in "xyz"]),
            numbers["Intrinsic.focal"],
            numbers["Intrinsic.kappa1"],
            (numbers["Intrinsic.cx"], numbers["Intrinsic.cy"]),
            (numbers["Geometry.dpx"], numbers["Geometry.dpy"]),
            numbers["Intrinsic.sx"],
        )

    def ground(self, pixels: Array) -> Array:
        """(N, 2) metres on the ground for (N, 2) pixels."""
        x = self.cell[0] * (pixels[:, 0] - self.centre[0]) / self.stretch
        y = self.cell[1] * (pixels[:, 1] - self.centre[1])
        grow = 1.0 + self.kappa * (x * x + y * y)
        rays = np.column_stack((x * grow / self.focal, y * grow / self.focal, np.ones(len(x)))) @ self.rotation
        origin = -self.shift @ self.rotation
        far = -origin[2] / rays[:, 2]
        metres: Array = (origin[:2] + rays[:, :2] * far[:, None]) / 1000.0
        return metres


def feet_of(path: Path) -> Array:
    """(N, 2) pixels: the foot points of all boxes of a PETS2009 annotation."""
    boxes = ET.parse(path).getroot().iter("box")  # noqa: S314 -- a file of the benchmark's own data
    numbers = [(float(b.attrib["xc"]), float(b.attrib["yc"]) + float(b.attrib["h"]) / 2) for b in boxes]
    return np.array(numbers)


def distance_error(seed: int, *, tries: int = 40, marking_px: float = 1.0) -> Interval:
    """Median relative error of distances between people, under calibrations from four marked points.

    The points are places where people stood, spread over the frame; each is marked with an error of `marking_px` (1
    sigma), and the distances are measured to 1 % (1 sigma). Distances of 1 to 15 m between random foot points are
    compared.
    """
    camera = Tsai.read(PETS / "calibration/View_001.xml")
    feet = feet_of(PETS / "annotations/PETS2009-S2L1.xml")
    inside = (feet[:, 0] > 8) & (feet[:, 0] < WIDTH - 8) & (feet[:, 1] < HEIGHT - 8)
    feet = feet[inside]
    rng = np.random.default_rng(seed)
    errors = np.array([_one_error(camera, feet, rng, marking_px) for _ in range(tries)])
    return bootstrap(tries, lambda some: float(np.median(errors[some])), seed)


def _one_error(camera: Tsai, feet: Array, rng: np.random.Generator, marking_px: float) -> float:
    marks = _spread(feet, rng)
    truth = camera.ground(marks)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    seen = (marks + rng.normal(0, marking_px, marks.shape)) / np.array([WIDTH, HEIGHT])
    distances = [
        {"first": i + 1, "second": j + 1, "metres": float(np.linalg.norm(truth[i] - truth[j]) * rng.normal(1, 0.01))}
        for i, j in pairs
    ]
    config = CalibrationConfig.model_validate({"ground_points": seen.tolist(), "distances": distances})
    found = calibrate(config, WIDTH / HEIGHT)
    pick = rng.integers(0, len(feet), (2, 4000))
    first, second = feet[pick[0]], feet[pick[1]]
    real = np.linalg.norm(camera.ground(first) - camera.ground(second), axis=1)
    size = np.array([WIDTH, HEIGHT])
    ours = np.linalg.norm(found.to_ground(first / size) - found.to_ground(second / size), axis=1)
    usual = (real > 1.0) & (real < 15.0)
    return float(np.median(np.abs(ours[usual] / real[usual] - 1.0)))


def _spread(feet: Array, rng: np.random.Generator) -> Array:
    """Four foot points, one towards each corner of the walked area, as an installer would choose them."""
    some = feet[rng.integers(0, len(feet), 400)]
    low, high = np.quantile(some, 0.1, axis=0), np.quantile(some, 0.9, axis=0)
    corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    return np.array([some[np.argmin(np.linalg.norm(some - np.array(corner), axis=1))] for corner in corners])
