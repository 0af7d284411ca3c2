"""Known training items: all their keys if novelty is requested, else the sample for similarities."""

import pytest

from sciencegen.api.search import novelty

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
