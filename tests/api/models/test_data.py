"""Training data: the names of conditions, and rows that are read from blocks."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.api.models import data as models_data
from sciencegen.api.models.data import fit_representation, read_training_data, requested_conditions, rows_to_fit
from sciencegen.api.science import domain_of
from sciencegen.api.sources.preparation import prepare_source
from sciencegen.config import PrepareSettings
from sciencegen.data.prepared import PackedArrays
from sciencegen.errors import ConfigError
from sciencegen.training import TrainingSettings
from tests.domains.tables.known_table import table

ROWS = 2000


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    table(ROWS).to_csv(folder / "table.csv", index=False)
    return prepare_source("arrays", folder / "prepared", PrepareSettings(source=str(folder / "table.csv"), threads=1))


def read(prepared, folder=None, log=lambda text: None, change=lambda fitted: fitted):
    recipe = domain_of("arrays").recipes["array-vae"]
    representation = change(fit_representation(prepared, recipe, None, ("age",)))
    return read_training_data(prepared, "arrays", recipe, representation, 1, log, folder=folder)


def test_a_representation_sees_the_rows_that_have_a_rare_number(monkeypatch):
    """Of many rows some are looked at; those of a lab among them may be few."""
    values = np.ones((2000, 2))
    values[:, 1] = np.nan
    values[[3, 8, 1501], 1] = 2.0
    assert len(rows_to_fit(values)) == 2000
    monkeypatch.setattr(models_data, "LARGEST_FIT", 1100)
    rows = rows_to_fit(values)
    assert 1100 <= len(rows) <= 1103
    assert {3, 8, 1501} <= set(rows.tolist())
    assert len(rows_to_fit(values[:, :1])) == 1100


def test_many_rare_numbers_add_no_more_rows_than_are_looked_at(monkeypatch):
    """Each of 40 labs measured another property of 500 rows."""
    monkeypatch.setattr(models_data, "LARGEST_FIT", 1100)
    values = np.full((20_000, 40), np.nan)
    for lab in range(40):
        values[500 * lab : 500 * (lab + 1), lab] = 1.0
    rows = rows_to_fit(values)
    assert 1100 <= len(rows) <= 2200
    assert (~np.isnan(values[rows])).sum(axis=0).min() >= 1100 // 40


def test_a_column_of_texts_stands_for_its_indicators():
    known = ("age", "city:Bergen", "city:Oslo", "cityscape:x")
    assert requested_conditions(("city", "age"), known) == ("city:Bergen", "city:Oslo", "age")
    assert requested_conditions(("city:Oslo",), known) == ("city:Oslo",)
    with pytest.raises(ConfigError, match=r"condition .* 'town'"):
        requested_conditions(("town",), known)


def test_batches_are_those_of_arrays_in_memory(prepared, tmp_path, monkeypatch):
    """Also where the arrays lie in a file."""
    monkeypatch.setattr("sciencegen.data.prepared.MOST_HELD", 1000)
    held, texts = read(prepared, tmp_path), list(prepared.items("train"))
    encoded = held.representation.encode([domain_of("arrays").items.parse(text) for text in texts])
    assert isinstance(held.arrays, PackedArrays)
    assert list(held.texts) == texts
    batch = next(held.batches(TrainingSettings(batch_size=len(texts)))(0))
    order = np.random.default_rng([0, 0]).permutation(len(texts))
    expected = held.representation.batch([encoded[row] for row in order], prepared.values("train", ("age",))[order])
    for name in expected.fields:
        assert torch.equal(batch[name], expected[name])
    assert torch.equal(batch.condition.nan_to_num(99), expected.condition.nan_to_num(99))


def test_a_note_says_why_items_are_left_out(prepared):
    def without_a_city(fitted):
        return replace(fitted, columns=[replace(one, categories=one.categories[:2]) if one.name == "city" else one
                                        for one in fitted.columns])  # fmt: skip

    lines = []
    held = read(prepared, log=lines.append, change=without_a_city)
    refused = held.counts["refused"]
    assert 0 < refused == ROWS - len(held.arrays)
    assert held.counts["ledger"] == {"rows": ROWS, "trained on": ROWS - refused, "can't be encoded": refused}
    assert f"{refused} of {ROWS} items can't be encoded; the first: number " in lines[-1]
    assert "'Tromsø' in 'city', expected one of Bergen, Oslo" in lines[-1]


def test_a_row_in_memory_takes_little_more_than_its_numbers(prepared):
    """Arrays of numpy and texts took 370 bytes for each row of seven columns."""
    read(prepared)  # what is imported and cached stays
    tracemalloc.start()
    held = read(prepared)
    taken = tracemalloc.get_traced_memory()[0] / len(held.arrays)
    tracemalloc.stop()
    assert taken < 90, f"{taken:.0f} bytes"
