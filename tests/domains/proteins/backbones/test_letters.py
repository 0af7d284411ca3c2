"""Laws of the search by 3Di letters: its alignments, and which chains it finds."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones import letters
from sciencegen.domains.proteins.backbones.letters import (
    EXTEND,
    MATRIX,
    OPEN,
    ChainsOfLetters,
    gapped_scores,
    letters_of,
    nearest_by_letters,
)
from sciencegen.domains.proteins.backbones.metrics import evaluate_backbones
from sciencegen.errors import ConfigError
from tests.domains.proteins.backbones.examples import MIRROR, chains, moved

LENGTHS = (1, 9, 17, 25)


@pytest.fixture
def others() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 20, length) for length in LENGTHS]


def by_definition(first: np.ndarray, second: np.ndarray, gaps: bool) -> int:
    """Cell by cell."""
    table = np.zeros((len(first) + 1, len(second) + 1), int)
    for i, j in np.ndindex(len(first), len(second)):
        ends = [0, table[i, j] + MATRIX[first[i], second[j]]]
        if gaps:
            ends += [table[i - k, j + 1] - OPEN - EXTEND * k for k in range(i + 1)]
            ends += [table[i + 1, j - k] - OPEN - EXTEND * k for k in range(j + 1)]
        table[i + 1, j + 1] = max(ends)
    return int(table.max())


@pytest.mark.parametrize("gaps", [False, True])
def test_scores_are_those_of_the_definition(others, gaps, monkeypatch) -> None:
    monkeypatch.setattr(letters, "BLOCK", 20)
    chain = np.concatenate([others[3][:9], others[2][:4], others[3][9:], others[2][6:]])
    found = gapped_scores(chain, others) if gaps else ChainsOfLetters(others).gapless(chain)
    assert found.tolist() == [by_definition(chain, other, gaps) for other in others]


def test_the_matrix_is_symmetric_and_letters_are_like_themselves() -> None:
    assert (MATRIX == MATRIX.T).all()
    assert (MATRIX.diagonal() > 0).all()


def test_letters_do_not_depend_on_the_frame_but_on_the_hand() -> None:
    pytest.importorskip("mini3di")
    places = chains()[5].coordinates
    assert (letters_of(places) == letters_of(moved(places))).all()
    assert (letters_of(places) != letters_of(places * MIRROR)).any()


def test_a_piece_of_a_chain_finds_it() -> None:
    pytest.importorskip("mini3di")
    known = [one.coordinates for one in chains()]
    shares, near = nearest_by_letters([moved(known[5]), known[7][4:]], known, 3)
    assert near[:, 0].tolist() == [5, 7]
    assert near.shape == (2, 3)
    assert shares[0] == pytest.approx(1)


def test_without_the_package_an_error_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "mini3di", None)
    letters._encoder.cache_clear()
    with pytest.raises(ConfigError, match="pip install mini3di"):
        letters_of(chains()[0].coordinates)


def test_copies_of_training_chains_are_found_by_letters_too() -> None:
    pytest.importorskip("mini3di")
    known = [one.coordinates for one in chains()]
    alone = evaluate_backbones([moved(known[7])], known[:4], known, alignments=False, sequences=False)
    assert alone["nearest_3di"] == pytest.approx(1)
    assert not {"nearest_3di_tm", "copies"} & alone.keys()
    pytest.importorskip("tmtools")
    found = evaluate_backbones([moved(known[7])], known[:4], known, sequences=False)
    assert found["nearest_3di_tm"] == pytest.approx(found["nearest_training_tm"])
    assert found["copies"] == 1
