"""What follows from a model is made once, unless anything is another or the cache can't be used."""

import pytest

from sciencegen.data import weights as model_memory
from sciencegen.data.weights import FOLDER, remembered


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """-> (the answer, how often it was made so far)."""
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "weights").write_bytes(b"1")
    made = []

    def asked(name="usual", more=("cpu", 1)):
        answer = remembered([tmp_path / "weights"], more, name, lambda: made.append(1) or {"spread": [0.1, 1 / 3]})
        assert answer == {"spread": [0.1, 1 / 3]}, "to the last bit"
        return len(made)

    return asked


def test_it_is_made_once_for_the_same_model(ask, tmp_path, monkeypatch):
    assert [ask(), ask()] == [1, 1]
    assert ask(more=("cuda", 1)) == ask(more=("cuda", 1)) == 2
    assert ask("another") == 3
    (tmp_path / "weights").write_bytes(b"2")
    assert [ask(), ask()] == [4, 4]
    monkeypatch.setattr(model_memory, "_code", lambda: "another")
    assert [ask(), ask()] == [5, 5]


def test_nothing_is_remembered_too(ask, tmp_path):
    ask()
    made = []
    for _ in range(2):
        assert remembered([tmp_path / "weights"], (), "none", lambda: made.append(1)) is None
    assert len(made) == 1


@pytest.mark.parametrize("spoilt", ["a file in its way", "no home", "damaged"])
def test_a_cache_that_can_t_be_used_costs_time_only(ask, tmp_path, monkeypatch, spoilt):
    if spoilt == "a file in its way":
        (tmp_path / "cache").write_text("")
    elif spoilt == "no home":
        monkeypatch.setenv("SCIENCEGEN_CACHE", "~nobody-of-this-name/cache")
    else:
        ask()
        (kept,) = (tmp_path / "cache" / FOLDER).iterdir()
        kept.write_text("{")
        assert [ask(), ask()] == [2, 2], "it is made anew and kept"
        return
    assert [ask(), ask()] == [1, 2]
