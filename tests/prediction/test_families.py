import numpy as np
import pytest

from sciencegen.prediction import families as kernels
from sciencegen.prediction import families as ridges
from sciencegen.prediction.columns import as_table
from sciencegen.prediction.families import FAMILIES, Training
from sciencegen.prediction.storage import STORED_FAMILIES
from tests.prediction.known_truth import table


def training(rows: int = 150) -> Training:
    features, values = table(rows, seed=3, noise=0.1)
    sparse = np.arange(10) >= 6
    target = (values - values.mean()) / values.std()
    return Training(as_table(features), target, np.arange(rows) % 3, np.arange(rows), sparse)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_learns_what_it_has_not_seen(name):
    known = training()
    family = FAMILIES[name](known, np.random.default_rng(0))
    held_out = family.predict(known.query(slice(None)))[np.arange(150), known.fold]
    assert np.corrcoef(held_out, known.target)[0, 1] > 0.75
    assert isinstance(family, STORED_FAMILIES[name])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_fold_model_does_not_see_its_fold(name, monkeypatch):
    monkeypatch.setattr(ridges, "PENALTIES", np.array([1.0]))  # those are chosen once, on all rows
    for table_of, only in {"LENGTHS": 1.0, "NOISES": 0.1, "SPARSE_SHARES": 0.25, "STRENGTHS": 1.0}.items():
        monkeypatch.setattr(kernels, table_of, np.array([only]))
    known = training(90)
    changed = known.target + np.where(known.fold == 1, np.sin(np.arange(90)), 0)
    other = Training(known.inputs, changed, known.fold, known.reference, known.sparse)
    first, second = (
        FAMILIES[name](rows, np.random.default_rng(0)).predict(known.query(slice(None))) for rows in (known, other)
    )
    assert np.allclose(first[:, 1], second[:, 1], atol=1e-12)
    assert not np.allclose(first[:, 0], second[:, 0], atol=1e-3)
