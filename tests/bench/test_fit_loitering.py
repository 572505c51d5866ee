from __future__ import annotations

import numpy as np
import pytest

from bench.fit_loitering import DIRECTIONS, choose, deal, fit, load, units_of
from bench.scores import area_under_roc
from tests.support.data import DataFile


def made_up(count: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(features, labels, blocks): the label follows the first feature, the second is noise."""
    rng = np.random.default_rng(1)
    features = rng.normal(0.0, 1.0, (count, 2))
    labels = (rng.uniform(size=count) < 1 / (1 + np.exp(-3 * features[:, 0]))).astype(np.int64)
    return features, labels, np.arange(count) // 20


def test_a_block_of_tracks_is_never_torn_between_folds_and_folds_are_of_like_size() -> None:
    blocks = np.repeat(np.arange(50), 7)
    folds = deal(blocks, 5, np.random.default_rng(1))

    assert all(len(set(folds[blocks == block].tolist())) == 1 for block in range(50))
    assert np.bincount(folds).tolist() == [70] * 5


BOTH_WAYS = np.array((0, 0))


def test_the_fit_finds_what_the_labels_follow() -> None:
    features, labels, _ = made_up()
    model = fit(features, labels, 4.0, BOTH_WAYS)

    assert area_under_roc(model.logits(features), labels) > 0.85
    assert model.logits(np.array([(-2.0, 0.0), (2.0, 0.0)])).tolist() == pytest.approx([-4.5, 4.5], abs=1.5)


def test_a_slope_against_its_direction_is_flat_instead() -> None:
    features, labels, _ = made_up()
    along, against = (fit(features, labels, 4.0, np.array((sense, 0))) for sense in (1, -1))
    places = np.column_stack((np.linspace(-2, 2, 9), np.zeros(9)))

    assert along.logits(places).tolist() == pytest.approx(fit(features, labels, 4.0, BOTH_WAYS).logits(places).tolist())
    assert np.ptp(against.logits(places)) < 1e-9


def test_the_choice_is_made_out_of_fold_and_takes_the_scale_that_ranks_best() -> None:
    rng = np.random.default_rng(3)
    good = np.column_stack([np.abs(rng.normal(0, 1, 400)) for _ in DIRECTIONS])
    labels = (rng.uniform(size=400) < 1 / (1 + np.exp(3 - 3 * good[:, 3]))).astype(np.int64)
    noise = rng.permutation(good)
    chosen = choose({0.5: noise, 1.0: good}, labels, np.arange(400) // 20, np.random.default_rng(2))

    assert chosen.exponent == 1.0
    assert -2.0 < chosen.cut < 2.0


def test_an_exponent_draws_the_scale_towards_its_median() -> None:
    paths = [np.array([(0.0, 10.0, y), (1.0, 11.0, y)]) for y in (70.0, 100.0, 200.0)]

    assert units_of(paths, 0.1, 60.0, 1.0).tolist() == pytest.approx([1.0, 4.0, 14.0])
    assert units_of(paths, 0.1, 60.0, 0.0).tolist() == pytest.approx([4.0, 4.0, 4.0])
    assert units_of(paths, 0.1, 60.0, 0.5).tolist() == pytest.approx([2.0, 4.0, 7.483], abs=0.001)


def test_no_block_of_the_labelled_tracks_is_in_both_parts(data_file: DataFile) -> None:
    data_file("tracks/ltd/labels.csv")
    data = load(data_file("tracks/ltd/tracks.csv").parent)

    assert (len(data.paths), int(data.loitering.sum())) == (2672, 528)
    assert not set(data.blocks[data.training].tolist()) & set(data.blocks[~data.training].tolist())
    assert data.training.mean() == pytest.approx(0.7, abs=0.05)
