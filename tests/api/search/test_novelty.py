"""Known training items: all their keys if novelty is requested, else the sample for similarities."""

import pytest

from sciencegen.api import search as novelty
from sciencegen.api.predictors.folder import write_training_keys
from sciencegen.api.science import domain_of
from sciencegen.runs import RunFolder

TEXTS = ["C" * length for length in range(1, 9)]


@pytest.mark.parametrize(
    ("every", "largest", "keys", "items", "told"),
    [
        (True, 200, 8, 8, "known: 8 items of t.csv"),
        (True, 3, 8, 3, "known: 8 items of t.csv"),
        (False, 200, 8, 8, "known: 8 items of t.csv"),
        (False, 3, 0, 3, "known: 8 items of t.csv; 3 are read, for similarities: novelty isn't requested"),
    ],
)
def test_what_is_read_is_told(tmp_path, monkeypatch, every, largest, keys, items, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("\n".join(["item", *TEXTS]))
    monkeypatch.setattr(novelty, "LARGEST_REFERENCE", largest)
    said = []
    known = novelty.read_known("molecules", "t.csv", None, 1, every, said.append)
    assert (len(known.keys), len(known.items), said) == (keys, items, [told])
    assert known.holds(known.domain.items.parse("CC")) is (keys > 0)


def test_without_a_set_nothing_is_read_or_said():
    said = []
    assert novelty.read_known("molecules", None, None, 1, True, said.append).empty
    assert said == []


def test_what_a_predictor_learned_from_is_known(tmp_path):
    with_keys, old = RunFolder(tmp_path / "new"), RunFolder(tmp_path / "old")
    science = domain_of("molecules")
    ethanol, propane, methane = (science.items.parse(text) for text in ("OCC", "CCC", "C"))
    write_training_keys(with_keys, [science.items.key(ethanol)])
    empty = novelty.read_known("molecules", None, None)
    folders = {"activity": str(with_keys.path), "yield": str(old.path)}
    known, (note,) = novelty.with_predictors(empty, folders)
    assert "yield" in note
    assert "activity" not in note
    assert (known.is_new(ethanol), known.is_new(propane)) == (False, None)  # no training data of the model is known
    (tmp_path / "t.csv").write_text("item\nC\n")
    known, _ = novelty.with_predictors(novelty.read_known("molecules", str(tmp_path / "t.csv"), None, 1), folders)
    assert [known.is_new(item) for item in (ethanol, propane, methane)] == [False, True, False]
    assert known.learned_from([ethanol, propane, methane]) == {"activity": 1}
    assert "aren't returned" in novelty.learned_notes({"activity": 1}, True)[0]
    assert novelty.learned_notes({}, True) == []
