"""Predictors of points: they learn what is known, their intervals hold, and their folder gives the same bytes."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sciencegen.errors import ConfigError, DataError, IncompatibleError
from sciencegen.items import Refusal
from sciencegen.networks.equivariant.harmonics import HarmonicSettings
from sciencegen.networks.equivariant.properties import PropertyNetwork
from sciencegen.prediction.baselines import fit_baseline
from sciencegen.prediction.point_oracle import PointOracle
from sciencegen.prediction.point_storage import load_points, save_points
from sciencegen.prediction.points import (
    CHUNK,
    PAIRS,
    PointPredictor,
    calibrate,
    chunks_by_size,
    opinions,
    point_batch,
    type_counts,
)

SETTINGS = HarmonicSettings(scalars=16, vectors=8, tensors=4, layers=2, radial=8, reach=6.0)
TYPES = np.array([1, 6, 8])


def clouds(count, seed, smallest=3, largest=7):
    generator = np.random.default_rng(seed)
    sizes = generator.integers(smallest, largest + 1, count)
    return [
        SimpleNamespace(numbers=generator.choice(TYPES, size), positions=generator.normal(size=(size, 3)))
        for size in sizes
    ]


def sum_of_distances(one):
    differences = one.positions[:, None] - one.positions[None]
    return np.linalg.norm(differences, axis=-1).sum() / 2


def moment(one):
    """The length of sum_i q_i x_i with the types' numbers as charges, less their mean."""
    charges = (one.numbers - one.numbers.mean()) / 8
    return np.linalg.norm(charges @ one.positions)


TARGETS = {"distances": (sum_of_distances, "sum"), "moment": (moment, "dipole")}


@pytest.fixture(scope="module")
def trained():
    """An ensemble that has learned both targets for a few seconds, and the items that it hasn't seen."""
    items, held = clouds(1200, 0), clouds(400, 1)
    values, measured = (np.array([[of(one) for of, _ in TARGETS.values()] for one in some]) for some in (items, held))
    counts = type_counts(items, TYPES)
    baseline = fit_baseline(counts, values, [readout for _, readout in TARGETS.values()])
    networks = [train(items, baseline.standardized(counts, values), baseline.readouts, seed) for seed in range(2)]
    mean, spread = opinions(networks, baseline, TYPES, held[:200])
    conformal = calibrate(measured[:200], mean, spread, 0.9)
    predictor = PointPredictor(tuple(TARGETS), TYPES, 3, 7, baseline, SETTINGS, tuple(networks), conformal, 0.9)
    return predictor, held[200:], measured[200:]


def train(items, answers, readouts, seed):
    torch.manual_seed(seed)
    network, generator = PropertyNetwork(len(TYPES), readouts, SETTINGS), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 250)
    for step in range(250):
        rows = generator.choice(len(items), 64, replace=False)
        loss = network.loss(point_batch([items[r] for r in rows], TYPES, answers[rows]), step, torch.Generator())
        optimizer.zero_grad()
        loss["loss"].backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def test_it_learns_known_functions_of_the_places(trained):
    """The sum of all distances to a fifth of what composition leaves open, a dipole moment to a tenth of its spread."""
    predictor, held, measured = trained
    found = predictor.predict(held)
    counts = type_counts(held, TYPES)
    left = np.abs(measured[:, 0] - predictor.baseline.of(counts)[:, 0]).mean()
    assert np.abs(found["distances"].mean - measured[:, 0]).mean() < 0.2 * left
    assert np.abs(found["moment"].mean - measured[:, 1]).mean() < 0.1 * measured[:, 1].std()


def test_intervals_hold_what_they_promise(trained):
    predictor, held, measured = trained
    for column, prediction in enumerate(predictor.predict(held).values()):
        inside = (prediction.lower <= measured[:, column]) & (measured[:, column] <= prediction.upper)
        assert 0.82 < inside.mean() < 0.98  # 0.9, of 200 on 200
        assert (prediction.lower <= prediction.mean).all()
    assert (predictor.predict(held)["moment"].lower >= 0).all()


def test_a_folder_predicts_the_same_bytes(trained, tmp_path):
    predictor, held, _ = trained
    loaded = load_points(save_points(predictor, tmp_path / "p"))
    for _ in range(2):
        for name, prediction in predictor.predict(held).items():
            other = loaded.predict(held)[name]
            assert all(a.tobytes() == b.tobytes() for a, b in zip(vars(prediction).values(), vars(other).values()))  # noqa: B905
    save_points(loaded, tmp_path / "again")
    for name in ("predictor.json", "predictor.safetensors"):
        assert (tmp_path / "p" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_damaged_folder_is_an_error(trained, tmp_path):
    run = save_points(trained[0], tmp_path / "p")
    content = (run / "predictor.safetensors").read_bytes()
    (run / "predictor.safetensors").write_bytes(content[:-1])
    with pytest.raises(IncompatibleError, match="missing or changed"):
        load_points(run)
    numbers = (run / "predictor.json").read_text()
    (run / "predictor.json").write_text(numbers.replace('"format_version": 1', '"format_version": 99'))
    with pytest.raises(IncompatibleError, match="99"):
        load_points(run)


def test_unknown_types_have_no_value_and_other_sizes_are_out_of_domain(trained):
    predictor, held, _ = trained
    strange = SimpleNamespace(numbers=np.array([1, 14, 6]), positions=np.eye(3))
    large = clouds(1, 5, 9, 9)[0]
    oracle = PointOracle("d", predictor, "distances", lambda items: items)
    refused = Refusal("no coordinates")
    scores = oracle.score([held[0], strange, refused, large])
    assert [score.in_domain for score in scores] == [True, False, False, False]
    assert [score.failed for score in scores] == [False, True, True, False]
    assert "14" in scores[1].failure
    assert scores[2].failure == "no coordinates"
    assert scores[0].lower <= scores[0].value <= scores[0].upper
    assert oracle.score([]) == []
    assert scores[0].value == pytest.approx(predictor.predict(held[:1])["distances"].mean[0], rel=1e-5)


def test_large_items_are_fewer_at_once_and_each_is_once():
    sizes = np.random.default_rng(0).permutation([*[20] * 150, *[200] * 30, 600, 0, *[60] * 70])
    chunks = list(chunks_by_size(sizes))
    assert sorted(np.concatenate(chunks).tolist()) == list(range(len(sizes)))
    assert all(len(rows) * sizes[rows].max() ** 2 <= PAIRS for rows in chunks if len(rows) > 1)
    assert [len(rows) for rows in chunks[:2]] == [CHUNK, CHUNK]
    assert len(chunks[-1]) == 1


def test_the_baseline_tells_what_grows_with_an_item():
    counts = np.random.default_rng(0).integers(0, 6, (200, 2)).astype(float)
    total = counts @ [2.0, -5.0] + 0.01 * np.sin(np.arange(200))
    level = 3.0 + np.cos(np.arange(200))
    baseline = fit_baseline(counts, np.column_stack([total, level, level]), [None, None, "dipole"])
    assert baseline.readouts == ("sum", "mean", "dipole")
    assert baseline.weights[0] == pytest.approx([2.0, -5.0, 0.0], abs=0.01)
    assert not baseline.weights[2].any()
    values = np.column_stack([total, level, level])
    standardized = baseline.standardized(counts, values)
    assert standardized[:, :2].std(0) == pytest.approx([1, 1], abs=0.01)
    np.testing.assert_allclose(baseline.restored(counts, standardized), values)


def test_what_teaches_nothing_is_refused():
    counts = np.ones((5, 2))
    with pytest.raises(DataError, match="different values"):
        fit_baseline(counts, np.full((5, 1), 3.0), [None])
    with pytest.raises(DataError, match="rows for intervals"):
        calibrate(np.zeros((5, 1)), np.ones((5, 1)), np.ones((5, 1)), 0.9)
    with pytest.raises(ConfigError, match="readout"):
        PropertyNetwork(2, ["none"])


def test_an_item_of_another_charge_has_no_value(trained, tmp_path):
    """The networks see no charges, so an ion would get the value of a neutral item."""
    predictor, held, _ = trained
    neutral = replace(predictor, charges=(0, 1))
    loaded = load_points(save_points(neutral, tmp_path / "p"))
    assert loaded.charges == (0, 1)
    ions = [SimpleNamespace(numbers=o.numbers, positions=o.positions, charges=np.eye(len(o.numbers))[0] * q)
            for o, q in zip(held, (1, -1), strict=False)]  # fmt: skip
    scores = PointOracle("d", loaded, "distances", lambda items: items).score([*ions, held[2]])
    assert [score.failed for score in scores] == [False, True, False]
    assert "charge of -1" in scores[1].failure
    assert not scores[1].in_domain
    older = PointOracle("d", predictor, "distances", lambda items: items)
    assert not any(score.failed for score in older.score(ions))  # what knows no charges refuses none
