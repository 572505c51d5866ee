"""Fits how many people stand behind the boxes of tiled inference: `python -m bench.crowds.fit [--seed N]`.

Prints the exponents of a free fit, the constant of `estimate_people` (exponents 2 and -1), and its error on each crowd
when that crowd is left out. Needs the test data (`bench.data_folder`). What `bench.behaviours.crowds` scores is not
among these.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from bench.crowds.scenes import Crush, Moment, crush, walking
from bench.crowds.sprites import Cast, cast
from bench.crowds.watching import WHOLE, Eyes, frame_of
from bench.motdata import FloatArray
from edge.crowds.body_height import BodyHeights
from edge.crowds.crowd_count import HIGH, LOW, PER_BOX, count_boxes, crowd_region
from edge.geometry import Polygon

WALKING = ("S1L1-1", "S1L2-2", "S2L2")
PEOPLE, PER_M2 = (10, 20, 40, 60, 80), (1.0, 2.0, 3.0, 4.0)
EVERY_S = 1.4
LOOKS = 5


def crowds(actors: Cast, seed: int) -> Iterator[tuple[str, Iterator[Moment]]]:
    """Every crowd of the fit, by name."""
    for name in WALKING:
        yield name, walking(actors, name, seed)
    for people in PEOPLE:
        for per_m2 in PER_M2:
            yield f"{people} at {per_m2:g}/m²", crush(actors, Crush(people, per_m2), seed + people + int(per_m2))


def looks(eyes: Eyes, moments: Iterator[Moment], heights: BodyHeights) -> FloatArray:
    """(K, 3) people in the picture, boxes, boxes that are more than faint: medians of `LOOKS` looks."""
    polygon, rows, due_s = Polygon.of(WHOLE), [], 1.0
    for moment in moments:
        if moment.at_s < due_s:
            continue
        due_s = moment.at_s + EVERY_S
        frame = frame_of(moment)
        found = eyes.detector.detect(frame)
        heights.observe(found)
        region = crowd_region(found, polygon, heights)
        tiled = None if region is None else eyes.crowd_detector.detect(frame, region)
        if tiled is not None:
            rows.append((len(moment.boxes_xyxyn), *count_boxes(tiled, polygon, heights)))
    some = [np.median(rows[start : start + LOOKS], axis=0) for start in range(0, len(rows) - LOOKS + 1, LOOKS)]
    return np.array(some).reshape(-1, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    seed = parser.parse_args().seed
    eyes, actors, heights = Eyes(), cast(), BodyHeights()
    for moment in walking(actors, "S2L1", seed):  # the sparse square teaches how tall bodies look
        if moment.at_s > 40.0:
            break
        heights.observe(eyes.detector.detect(frame_of(moment)))
    found = {name: looks(eyes, moments, heights) for name, moments in crowds(actors, seed)}
    found = {name: rows for name, rows in found.items() if len(rows)}
    each = [np.log(rows) for rows in found.values()]
    table = np.concatenate(each)
    # Every crowd weighs the same, however long it was watched.
    weight = np.sqrt(np.concatenate([np.full(len(rows), 1 / len(rows)) for rows in each]))
    people, boxes, weak = table.T
    design = np.column_stack((boxes, weak, np.ones(len(table))))
    free = np.linalg.lstsq(design * weight[:, None], people * weight, rcond=None)[0]
    print(f"free fit: people = {np.exp(free[2]):.2f} x boxes^{free[0]:.2f} x weak^{free[1]:.2f}")
    offs = [float(np.mean(rows[:, 0] - 2 * rows[:, 1] + rows[:, 2])) for rows in each]
    print(f"people = {np.exp(np.mean(offs)):.3f} x boxes² / weak; in use {PER_BOX}")
    errors = np.array([off - np.mean(offs[:index] + offs[index + 1 :]) for index, off in enumerate(offs)])
    for name, rows, error in zip(found, each, errors, strict=True):
        shown = np.exp(rows.mean(axis=0))
        print(
            f"  {name}: {shown[0]:.0f} people, {shown[1]:.0f} boxes, {shown[2]:.0f} weak, truth x {np.exp(error):.2f}"
        )
    low, high = np.exp(np.quantile(errors, (0.05, 0.95)))
    print(f"truth over estimate, left-out crowds, 5 to 95 %: {low:.2f} to {high:.2f}; in use {LOW:.2f} to {HIGH:.2f}")
    print(f"root mean square of the logarithm {np.sqrt(np.mean(errors**2)):.2f}, seed {seed}")


if __name__ == "__main__":
    main()
