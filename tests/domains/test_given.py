"""What Python callers give as items: an object is the item that its text is, and a bad one keeps its place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.given import item_texts, object_of, one_text
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from tests.domains.contract_examples import examples

NAMES = [
    "molecules", "molecules/structures", "proteins", "proteins/aligned", "proteins/structures", "galaxies", "arrays",
]  # fmt: skip
ODD = [3.5, None, float("nan")]
"""Cells of a spreadsheet that hold no item."""


@pytest.mark.parametrize("name", [*NAMES, "pointclouds"])
def test_texts_are_given_one_by_one_in_lists_and_in_frames(name):
    domain, texts = load_domain(name), list(examples(name)[:3])
    assert item_texts(domain, texts[0]) == [one_text(domain, texts[0])] == texts[:1]
    column = domain.items.columns[0].upper()
    frame = pd.DataFrame({"y": 1.0, "item": texts})
    arrow = pa.Table.from_pandas(frame)
    for given in (texts, tuple(texts), iter(texts), pd.Series(texts), frame, arrow, arrow["item"]):
        assert item_texts(domain, given) == texts
    assert domain.cells or item_texts(domain, pd.DataFrame({column: texts})) == texts
    assert item_texts(domain, pd.DataFrame({"mine": texts, "item": "other"}), "mine") == texts


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_the_items_that_they_were_made_of(name):
    domain, texts = load_domain(name), list(examples(name)[:3])
    items = [domain.items.parse(text) for text in texts]
    given = [object_of(domain, item) for item in items]
    same = [domain.items.key(item) for item in items]
    for several in (given, pd.Series(given, dtype=object)):
        found = [domain.items.parse(text) for text in item_texts(domain, several)]
        assert [domain.items.key(one) for one in found] == same
    assert item_texts(domain, given[0]) == [item_texts(domain, given)[0]]
    assert item_texts(domain, [given[0], texts[1]])[1] == texts[1]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_item_is_refused_in_its_place(name):
    domain = load_domain(name)
    texts = item_texts(domain, [examples(name)[0], *ODD])
    assert len(texts) == 4
    assert [isinstance(domain.items.parse(text), Refusal) for text in texts] == [False, True, True, True]
    frame = pd.DataFrame({"item": [examples(name)[0], pd.NA, None]})
    assert item_texts(domain, frame)[1:] == ["", ""]


@pytest.mark.parametrize("name", [*NAMES, "pointclouds"])
@pytest.mark.parametrize(
    "given", [3, None, object(), [object()], [["C"]], b"CCO"], ids=lambda given: type(given).__name__
)
def test_other_objects_are_an_error_that_says_what_is_expected(name, given):
    with pytest.raises(ConfigError, match=f"Expected items of {name} as texts"):
        item_texts(load_domain(name), given)


def test_a_frame_without_a_column_of_items_is_an_error():
    with pytest.raises(DataError, match=r"found y. Pass the column itself, such as table\['y'\]"):
        item_texts(load_domain("molecules"), pd.DataFrame({"y": [1.0]}))


def test_one_item_is_one():
    with pytest.raises(ConfigError, match="Expected one item, got 2"):
        one_text(load_domain("molecules"), ["CCO", "CCN"])


def test_a_refusal_has_no_object():
    assert object_of(load_domain("molecules"), Refusal("empty")) is None


def test_rows_of_tables_are_items_of_cells():
    domain = load_domain("arrays")
    frame = pd.DataFrame({"id": ["a", "b"], "age": [31.0, np.nan], "city": ["Oslo", None], "day": [None, "1"]})
    assert item_texts(domain, frame) == [
        '{"age": 31.0, "city": "Oslo", "day": null}',
        '{"age": null, "city": null, "day": "1"}',
    ]
    assert item_texts(domain, np.array([[1.0, 2.5]])) == ['{"x0": 1.0, "x1": 2.5}']
    records = np.array([(1, b"x"), (2, b"y")], [("n", "i4"), ("t", "U1")])
    assert item_texts(domain, records) == ['{"n": 1, "t": "x"}', '{"n": 2, "t": "y"}']


def test_given_objects_stay_as_they_are():
    """A caller may change what it gets, and nothing that it gave is changed."""
    from rdkit import Chem

    domain = load_domain("molecules")
    molecule = Chem.AddHs(Chem.MolFromSmiles("OCC"))
    assert item_texts(domain, molecule) == ["CCO"]
    assert molecule.GetNumAtoms() == 9
    item = domain.items.parse("CCO")
    got = Chem.RWMol(object_of(domain, item))
    got.RemoveAtom(0)
    assert item.GetNumAtoms() == 3
