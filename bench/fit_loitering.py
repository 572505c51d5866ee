"""Fits the staying score on the labelled tracks of the LTD loitering set and writes `edge/rules/staying_model.py`.

    python -m bench.fit_loitering [--write] [--tracks DIR]

Training part: the tracks whose id hashes (SHA-256) to a first byte below 179, about seven tenths; the numbers in the
product come from it alone. The rest is held out and scored once. The nested cross-validation (5 outer folds; 5 inner
folds choose the ridge penalty and the cut for F1) speaks of the method on all tracks, as in `docs/behaviours.md`.
The set is 384 x 288 px thermal pictures without calibration: pixels become metres by the walking speed at each height
of the picture, taken from the training part without its labels.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections import defaultdict
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.scores import Interval, area_under_roc, best_f1_cut, bootstrap, f1_at
from edge.rules.confinement import hinges, measure

ROOT = Path(__file__).parents[1]
TRACKS = ROOT / "../shared/data/tracks/ltd"
TARGET = ROOT / "edge/rules/staying_model.py"
WALKING_MPS = 1.4
"""Upper quartile of the speed of people who walk in a street (Weidmann 1993 gives 1.34 m/s as the mean)."""
PENALTIES = (5.0, 20.0, 60.0, 150.0)
QUANTILES = (0.01, 0.2, 0.4, 0.6, 0.8, 0.99)
SEED = 20260304

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """paths: per track (P, 3) of seconds, x px, y px. loitering: (N,) 0 or 1. training: (N,) bool."""

    paths: list[Array]
    loitering: Ints
    training: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    knots: tuple[tuple[float, ...], ...]
    weights: Array
    intercept: float

    def logits(self, features: Array) -> Array:
        values: Array = hinges(features, self.knots) @ self.weights + self.intercept
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
    training = [hashlib.sha256(one.encode()).digest()[0] < 179 for one in ids]
    return Labelled([np.array(points[one]) for one in ids], np.array([labels[one] for one in ids]), np.array(training))


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


def features_of(paths: list[Array], slope: float, horizon: float) -> Array:
    """(N, F): the product's own features of every path, in metres as far as the walking speed tells."""
    rows = []
    for path in paths:
        unit = max(1.0, float(np.median(slope * (path[:, 2] - horizon))))
        rows.append(astuple(measure(path[:, 0], path[:, 1:] / unit)))
    return np.array(rows)


def fit(features: Array, loitering: Ints, penalty: float) -> Model:
    """Ridge-penalised logistic regression on hinges at the features' quantiles, by Newton's method."""
    knots = tuple(tuple(float(k) for k in np.unique(np.quantile(column, QUANTILES))) for column in features.T)
    columns = hinges(features, knots)
    mean, spread = columns.mean(axis=0), columns.std(axis=0) + 1e-9
    design = np.column_stack((np.ones(len(columns)), (columns - mean) / spread))
    ridge = np.eye(design.shape[1]) * penalty
    ridge[0, 0] = 0.0
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (chance - loitering) + ridge @ weights
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    plain = weights[1:] / spread
    return Model(knots, plain, float(weights[0] - (plain * mean).sum()))


def choose(features: Array, loitering: Ints, rng: np.random.Generator) -> tuple[float, float]:
    """(penalty, cut) by 5 inner folds: the penalty by the area under the ROC, the cut (a logit) by F1."""
    folds = rng.integers(0, 5, len(loitering))
    best: tuple[float, float, float] | None = None
    for penalty in PENALTIES:
        logits = np.empty(len(loitering))
        for fold in range(5):
            kept = folds != fold
            logits[~kept] = fit(features[kept], loitering[kept], penalty).logits(features[~kept])
        area = area_under_roc(logits, loitering)
        if best is None or area > best[0]:
            best = area, penalty, best_f1_cut(logits, loitering)
    assert best is not None
    return best[1], best[2]


def nested(data: Labelled, outer_folds: int = 5) -> tuple[Interval, Interval]:
    """(area under the ROC, F1) by nested cross-validation on all tracks, with 95 % bootstrap intervals over tracks."""
    rng = np.random.default_rng(SEED)
    folds = rng.integers(0, outer_folds, len(data.loitering))
    logits, called = np.empty(len(folds)), np.empty(len(folds), dtype=np.int64)
    for fold in range(outer_folds):
        kept = folds != fold
        scale = pixels_per_metre([path for path, use in zip(data.paths, kept, strict=True) if use])
        features = features_of(data.paths, *scale)
        penalty, cut = choose(features[kept], data.loitering[kept], rng)
        values = fit(features[kept], data.loitering[kept], penalty).logits(features[~kept])
        logits[~kept], called[~kept] = values - cut, values > cut
    return _intervals(logits, called, data.loitering)


def held_out(data: Labelled) -> tuple[Model, float, float, Interval, Interval]:
    """(model, penalty, cut as a logit, area, F1): fitted on the training part, scored once on the rest."""
    part = data.training
    scale = pixels_per_metre([path for path, use in zip(data.paths, part, strict=True) if use])
    features = features_of(data.paths, *scale)
    penalty, cut = choose(features[part], data.loitering[part], np.random.default_rng(SEED))
    model = fit(features[part], data.loitering[part], penalty)
    logits = model.logits(features[~part])
    area, f1 = _intervals(logits, (logits > cut).astype(np.int64), data.loitering[~part])
    return model, penalty, cut, area, f1


def _intervals(logits: Array, called: Ints, truth: Ints) -> tuple[Interval, Interval]:
    area = bootstrap(len(truth), lambda some: area_under_roc(logits[some], truth[some]), SEED)
    f1 = bootstrap(len(truth), lambda some: f1_at(called[some], truth[some]), SEED)
    return area, f1


def source_of(model: Model, cut: float) -> str:
    """The text of `edge/rules/staying_model.py`."""
    knots = ",\n".join(f"    ({', '.join(f'{knot:.6g}' for knot in own)},)" for own in model.knots)
    weights = ",\n".join(f"    {weight:.6g}" for weight in model.weights)
    return (
        '"""The numbers of the staying score. Written by `python -m bench.fit_loitering --write`; not by hand."""\n\n'
        "from __future__ import annotations\n\n"
        f"KNOTS: tuple[tuple[float, ...], ...] = (\n{knots},\n)\n\n"
        f"WEIGHTS: tuple[float, ...] = (\n{weights},\n)\n\n"
        f"INTERCEPT = {model.intercept:.6g}\n\n"
        f"F1_CUT = {1.0 / (1.0 + np.exp(-cut)):.2f}\n"
        '"""The score above which calling a path loitering gives the best F1 on the training part."""\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, default=TRACKS, help="folder with tracks.csv and labels.csv")
    parser.add_argument("--write", action="store_true", help="write the product's model file")
    asked = parser.parse_args()
    data = load(asked.tracks)
    model, penalty, cut, area, f1 = held_out(data)
    print(f"tracks {len(data.paths)}, loitering {data.loitering.sum()}, training part {int(data.training.sum())}")
    print(f"ridge penalty {penalty:g}, cut {1 / (1 + np.exp(-cut)):.3f}; held out: AUC {area}, F1 {f1}")
    nested_area, nested_f1 = nested(data)
    print(f"nested cross-validation: AUC {nested_area}, F1 {nested_f1}")
    if asked.write:
        TARGET.write_text(source_of(model, cut))
        print(f"wrote {TARGET.relative_to(ROOT)}; format it with ruff")
    figures = {"held_out_auc": area.value, "held_out_f1": f1.value, "auc": nested_area.value, "f1": nested_f1.value}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
