"""Fits the staying score on the labelled tracks of the LTD loitering set and writes `edge/rules/staying_model.py`.

    python -m bench.fit_loitering [--write] [--tracks DIR]

Tracks with neighbouring numbers come from the same minutes and have similar labels, so whole blocks of numbers are
assigned to one part. Training part: the blocks whose number hashes (SHA-256) to a first byte below 179, about seven
tenths; the choice of features and the numbers in the product come from it alone. The other part is held out and scored
once. The nested cross-validation (5 outer folds of blocks; within each, 2 x 5 inner folds of blocks choose the ridge
penalty, the exponent of the scale and the threshold for F1) evaluates the method on all tracks (`docs/behaviours.md`).

The set consists of thermal images of 384 x 288 px without calibration: the walking speed in each row of the image gives
    pixels per metre, taken from the training part without its labels. This overstates how the scale grows towards the
    camera (people walk obliquely, and distant ones move by single pixels), so the inner folds choose how far to trust
    it.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import astuple, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data_folder import data_folder
from bench.scores import Interval, area_under_roc, best_f1_cut, bootstrap, f1_at
from edge.rules.confinement import columns, measure, ramps

ROOT = Path(__file__).parents[1]
TRACKS = data_folder() / "tracks/ltd"
TARGET = ROOT / "edge/rules/staying_model.py"
WALKING_MPS = 1.4
"""Upper quartile of walking speeds in a street (Weidmann 1993 gives a mean of 1.34 m/s)."""
PENALTIES = (4.0, 12.0, 36.0)
EXPONENTS = (0.25, 0.5, 1.0)
"""Of a track's scale over the median one: 0 is one scale for the whole frame, 1 the scale of the walking speed."""
DIRECTIONS = np.array((1, 1, -1, 1, 1, -1, 1, 1))
"""The direction in which each feature of `Confinement` may move the score: a long path, turning without progress,
circles and standing still raise it; straightness and many cells lower it."""
INNER_ROUNDS = 2
BLOCK = 250
"""Number of consecutive track numbers that stay together."""
QUANTILES = (0.01, 0.2, 0.4, 0.6, 0.8, 0.99)
SEED = 20260304

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """paths: per track (P, 3) of seconds, x px, y px. loitering: (N,) 0 or 1.

    blocks: (N,) the block of each track. training: (N,) bool.
    """

    paths: list[Array]
    loitering: Ints
    blocks: Ints
    training: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    knots: tuple[tuple[float, ...], ...]
    weights: Array
    intercept: float

    def logits(self, features: Array) -> Array:
        values: Array = ramps(features, self.knots) @ self.weights + self.intercept
        return values


def load(folder: Path) -> Labelled:
    """Reads `tracks.csv` and `labels.csv`; raises FileNotFoundError without them."""
    points: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    with (folder / "tracks.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            points[row["track_id"]].append((float(row["t_s"]), float(row["x_px"]), float(row["y_px"])))
    with (folder / "labels.csv").open(newline="") as file:
        labels = {row["track_id"]: int(row["loitering"]) for row in csv.DictReader(file)}
    ids = sorted(labels, key=int)
    blocks = np.array([int(one) // BLOCK for one in ids])
    training = np.array([hashlib.sha256(f"block {one}".encode()).digest()[0] < 179 for one in blocks])
    return Labelled([np.array(points[one]) for one in ids], np.array([labels[one] for one in ids]), blocks, training)


def pixels_per_metre(paths: list[Array]) -> tuple[float, float]:
    """(slope, horizon): pixels per metre are slope x (y - horizon), from the upper quartile of speeds in each row."""
    speeds: dict[int, list[float]] = defaultdict(list)
    for path in paths:
        moved = np.hypot(*np.diff(path[:, 1:], axis=0).T) / np.maximum(np.diff(path[:, 0]), 1e-3)
        for y, speed in zip(path[1:, 2], moved, strict=True):
            if speed > 1.5:
                speeds[int(y // 10)].append(float(speed))
    rows = [
        (row * 10 + 5.0, float(np.quantile(some, 0.75)), len(some)) for row, some in speeds.items() if len(some) > 200
    ]
    table = np.array(rows)
    slope, offset = np.polyfit(table[:, 0], table[:, 1] / WALKING_MPS, 1, w=np.sqrt(table[:, 2]))
    return float(slope), float(-offset / slope)


def units_of(paths: list[Array], slope: float, horizon: float, exponent: float) -> Array:
    """(N,) pixels per metre of each track, from the walking speed, drawn towards their median by `exponent`."""
    walked = np.array([max(1.0, float(np.median(slope * (path[:, 2] - horizon)))) for path in paths])
    middle = float(np.median(walked))
    units: Array = middle * (walked / middle) ** exponent
    return units


def features_of(data: Labelled, part: Bools, exponent: float) -> Array:
    """(N, F): the product's own features of every path, in metres by the walking speed of `part`."""
    scale = pixels_per_metre([path for path, use in zip(data.paths, part, strict=True) if use])
    units = units_of(data.paths, *scale, exponent)
    rows = [
        astuple(measure(path[:, 0], path[:, 1:] / unit)) for path, unit in zip(data.paths, units.tolist(), strict=True)
    ]
    return np.array(rows)


def fit(features: Array, loitering: Ints, penalty: float, directions: Ints = DIRECTIONS) -> Model:
    """Ridge-penalised logistic regression on ramps between the features' quantiles, each sloping in its direction only.

    Newton's method on the free weights; weights that would slope the other way are held at zero (Bertsekas 1982).
    """
    knots = tuple(tuple(float(k) for k in np.unique(np.quantile(column, QUANTILES))) for column in features.T)
    risen = ramps(features, knots)
    mean, spread = risen.mean(axis=0), risen.std(axis=0) + 1e-9
    design = np.column_stack((np.ones(len(risen)), (risen - mean) / spread))
    ridge = np.concatenate(([0.0], np.full(risen.shape[1], penalty)))
    sense = np.concatenate(([0], directions[columns(knots)[0]]))
    weights = np.zeros(len(ridge))
    loss = _loss(weights, design, loitering, ridge)
    for _ in range(100):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (chance - loitering) + ridge * weights
        free = (sense == 0) | (weights != 0) | (sense * gradient < 0)
        part = design[:, free]
        curvature = (part * (chance * (1 - chance))[:, None]).T @ part + np.diag(ridge[free])
        step = np.zeros(len(weights))
        step[free] = np.linalg.solve(curvature, gradient[free])
        weights, before = _descend(weights, step, sense, lambda one: _loss(one, design, loitering, ridge)), loss
        loss = _loss(weights, design, loitering, ridge)
        if before - loss < 1e-7:
            break
    plain = weights[1:] / spread
    return Model(knots, plain, float(weights[0] - (plain * mean).sum()))


def _loss(weights: Array, design: Array, loitering: Ints, ridge: Array) -> float:
    logits = design @ weights
    return float((np.logaddexp(0.0, logits) - loitering * logits).sum() + 0.5 * (ridge * weights**2).sum())


def _descend(weights: Array, step: Array, sense: Ints, loss: Callable[[Array], float]) -> Array:
    """Backtracking: halve the step until the loss falls; a weight stops at zero rather than change its sign."""
    here = loss(weights)
    for _ in range(20):
        moved = weights - step
        moved = np.where(sense * moved < 0, 0.0, moved)
        if loss(moved) <= here:
            return moved
        step = step / 2.0
    return weights


@dataclass(frozen=True, slots=True)
class Choice:
    """The result of inner folds: ridge penalty, exponent of the scale, and the threshold (a logit) for F1."""

    penalty: float
    exponent: float
    cut: float


def deal(blocks: Ints, folds: int, rng: np.random.Generator) -> Ints:
    """(N,) the fold of every track; tracks of one block share a fold."""
    kinds, of = np.unique(blocks, return_inverse=True)
    dealt: Ints = (rng.permutation(len(kinds)) % folds)[of]
    return dealt


def choose(features: dict[float, Array], loitering: Ints, blocks: Ints, rng: np.random.Generator) -> Choice:
    """By `INNER_ROUNDS` x 5 folds: penalty and exponent by the area under the ROC, the threshold by F1 out of fold."""
    rounds = [deal(blocks, 5, rng) for _ in range(INNER_ROUNDS)]
    best, found = -1.0, Choice(PENALTIES[0], EXPONENTS[0], 0.0)
    for exponent, penalty in product(features, PENALTIES):
        logits = np.array([_out_of_fold(features[exponent], loitering, folds, penalty) for folds in rounds])
        area = float(np.mean([area_under_roc(one, loitering) for one in logits]))
        if area > best:
            best, found = area, Choice(penalty, exponent, _steady_cut(logits, loitering, rng))
    return found


def _out_of_fold(features: Array, loitering: Ints, folds: Ints, penalty: float) -> Array:
    logits = np.empty(len(loitering))
    for fold in np.unique(folds):
        kept = folds != fold
        logits[~kept] = fit(features[kept], loitering[kept], penalty).logits(features[~kept])
    return logits


def _steady_cut(logits: Array, loitering: Ints, rng: np.random.Generator, draws: int = 25) -> float:
    """The median of the best thresholds of resamples of each round: a single best one depends on a few tracks."""
    count = len(loitering)
    cuts = [
        best_f1_cut(one[some], loitering[some])
        for one in logits
        for some in (rng.integers(0, count, count) for _ in range(draws))
    ]
    return float(np.median(cuts))


def nested(data: Labelled, outer_folds: int = 5) -> tuple[Interval, Interval]:
    """(area under the ROC, F1) by nested cross-validation on all tracks, with 95 % bootstrap intervals over tracks."""
    rng = np.random.default_rng(SEED)
    folds = deal(data.blocks, outer_folds, rng)
    logits, called = np.empty(len(folds)), np.empty(len(folds), dtype=np.int64)
    for fold in range(outer_folds):
        kept = folds != fold
        features = {exponent: features_of(data, kept, exponent) for exponent in EXPONENTS}
        inner = {exponent: values[kept] for exponent, values in features.items()}
        chosen = choose(inner, data.loitering[kept], data.blocks[kept], rng)
        model = fit(inner[chosen.exponent], data.loitering[kept], chosen.penalty)
        values = model.logits(features[chosen.exponent][~kept])
        logits[~kept], called[~kept] = values - chosen.cut, values > chosen.cut
    return _intervals(logits, called, data.loitering)


def held_out(data: Labelled) -> tuple[Model, Choice, Interval, Interval]:
    """(model, choice, area, F1): fitted on the training part, scored once on the rest."""
    part = data.training
    features = {exponent: features_of(data, part, exponent) for exponent in EXPONENTS}
    inner = {exponent: values[part] for exponent, values in features.items()}
    chosen = choose(inner, data.loitering[part], data.blocks[part], np.random.default_rng(SEED))
    model = fit(inner[chosen.exponent], data.loitering[part], chosen.penalty)
    logits = model.logits(features[chosen.exponent][~part])
    area, f1 = _intervals(logits, (logits > chosen.cut).astype(np.int64), data.loitering[~part])
    return model, chosen, area, f1


def _intervals(logits: Array, called: Ints, truth: Ints) -> tuple[Interval, Interval]:
    area = bootstrap(len(truth), lambda some: area_under_roc(logits[some], truth[some]), SEED)
    f1 = bootstrap(len(truth), lambda some: f1_at(called[some], truth[some]), SEED)
    return area, f1


def source_of(model: Model, chosen: Choice) -> str:
    """The text of `edge/rules/staying_model.py`."""
    knots = ",\n".join(f"    ({', '.join(f'{knot:.6g}' for knot in own)},)" for own in model.knots)
    weights = ",\n".join(f"    {weight:.6g}" for weight in model.weights)
    return (
        '"""The numbers of the staying score. Written by `python -m bench.fit_loitering --write`; not by hand."""\n\n'
        "from __future__ import annotations\n\n"
        f"KNOTS: tuple[tuple[float, ...], ...] = (\n{knots},\n)\n\n"
        f"WEIGHTS: tuple[float, ...] = (\n{weights},\n)\n\n"
        f"INTERCEPT = {model.intercept:.6g}\n\n"
        f"F1_CUT = {1.0 / (1.0 + np.exp(-chosen.cut)):.2f}\n"
        '"""The score above which calling a path loitering gives the best F1 on the training part."""\n\n'
        f"SCALE_EXPONENT = {chosen.exponent:g}\n"
        '"""Of a track\'s scale over the median one, as far as the fit believed the walking speed."""\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, default=TRACKS, help="folder with tracks.csv and labels.csv")
    parser.add_argument("--write", action="store_true", help="write the product's model file")
    asked = parser.parse_args()
    data = load(asked.tracks)
    model, chosen, area, f1 = held_out(data)
    print(f"tracks {len(data.paths)}, loitering {data.loitering.sum()}, training part {int(data.training.sum())}")
    cut = 1.0 / (1.0 + np.exp(-chosen.cut))
    print(
        f"ridge penalty {chosen.penalty:g}, exponent {chosen.exponent:g}, cut {cut:.3f}; held out: AUC {area}, F1 {f1}"
    )
    nested_area, nested_f1 = nested(data)
    print(f"nested cross-validation: AUC {nested_area}, F1 {nested_f1}")
    if asked.write:
        TARGET.write_text(source_of(model, chosen))
        print(f"wrote {TARGET.relative_to(ROOT)}; format it with ruff")
    figures = {"held_out_auc": area.value, "held_out_f1": f1.value, "auc": nested_area.value, "f1": nested_f1.value}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
