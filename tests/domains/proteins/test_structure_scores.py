"""Scores of variants that also know a structure: ranks of the family's score, of contacts and of log odds."""

import numpy as np
import pytest
import torch

from sciencegen.domains.proteins import variant_tables as module
from sciencegen.domains.proteins.backbones import inverse_folding
from sciencegen.domains.proteins.backbones.inverse_folding import LETTERS, InverseFolding
from sciencegen.domains.proteins.structures import read_structure, weighted_contact_number
from sciencegen.domains.proteins.variant_tables import CONTACTS, LOG_ODDS, RANKS, Ranks, structure_scores
from sciencegen.domains.proteins.variants import Reference, all_singles
from sciencegen.errors import ConfigError, DataError
from tests.domains.proteins.example_structures import pdb, peptide

WILD = Reference("MKVLAWGHYEDRPSTNQCIF", 11)
SINGLES = all_singles(WILD)
SCORES = np.random.default_rng(0).normal(size=len(SINGLES)).tolist()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "1abc.pdb"
    path.write_text(pdb(peptide(WILD.sequence[2:], 501)))  # the first two residues are not in the structure
    return path


@pytest.fixture
def weights(monkeypatch):
    """A network with random weights in place of the published ones."""
    torch.manual_seed(0)
    network = InverseFolding().eval().requires_grad_(False)
    monkeypatch.setattr(inverse_folding, "load_inverse_folding", lambda: network)
    monkeypatch.setattr(module, "has_weights", lambda: True)
    return network


@pytest.fixture
def without_weights(monkeypatch):
    monkeypatch.setattr(module, "has_weights", lambda: False)


def test_ranks_are_from_0_to_1_and_go_on_beyond() -> None:
    ranks = Ranks.among(np.array([3.0, 1.0, 2.0, 2.0, np.nan]))
    assert ranks.of(np.array([1.0, 2.0, 3.0])) == pytest.approx([0.125, 0.5, 0.875])
    assert ranks.of(np.array([-1.0, 5.0])) == pytest.approx([0.125 - 1, 0.875 + 1])
    values = np.random.default_rng(0).normal(size=99)
    assert (np.diff(Ranks.among(values).of(np.sort(values) * 3)) > 0).all()
    assert np.isnan(Ranks.among(np.array([np.nan])).of(np.zeros(1))).all()


@pytest.mark.usefixtures("without_weights")
def test_contacts_are_those_of_the_changed_residues(path) -> None:
    contacts = weighted_contact_number(read_structure(path), "side_chain")
    found = structure_scores(WILD, str(path), SINGLES, SCORES)
    assert found.columns == (CONTACTS, RANKS)
    values = found.values(["V13A", "V13G", "L14D", "V13A:L14D", "M11A", "WT"], [0.0] * 6)[CONTACTS]
    assert values[:4] == pytest.approx([contacts[0], contacts[0], contacts[1], contacts[0] + contacts[1]])
    assert np.isnan(values[4])
    assert values[5] == 0
    assert any("proteinmpnn" in note for note in found.notes())
    assert any("18 of the reference's 20 positions" in note for note in found.notes())


@pytest.mark.usefixtures("without_weights")
def test_the_score_is_the_mean_of_both_ranks(path) -> None:
    found = structure_scores(WILD, str(path), SINGLES, SCORES)
    values = found.values(SINGLES, SCORES)
    known = ~np.isnan(values[CONTACTS])
    family = Ranks.among(np.array(SCORES)).of(np.array(SCORES))
    outside = Ranks.among(-np.array(values[CONTACTS])).of(-np.array(values[CONTACTS]))
    assert np.array(values[RANKS])[known] == pytest.approx(((family + outside) / 2)[known])
    assert np.array(values[RANKS])[~known] == pytest.approx(family[~known])  # no residue: the family's rank alone
    assert found.values(SINGLES[:1], SCORES[:1])[RANKS] == values[RANKS][:1]  # whatever is scored beside it


@pytest.mark.usefixtures("weights")
def test_log_odds_are_those_of_the_new_letter_given_all_others(path) -> None:
    found = structure_scores(WILD, str(path), SINGLES, SCORES)
    assert found.columns == (CONTACTS, LOG_ODDS, RANKS)
    values = dict(zip(SINGLES, found.values(SINGLES, SCORES)[LOG_ODDS], strict=True))
    chain = read_structure(path)
    places = np.stack([chain.atom(name) for name in ("N", "CA", "C", "O")], 1)
    chances = inverse_folding.letter_log_probabilities(places, chain.sequence)
    new, old = (LETTERS.index(letter) for letter in "DL")
    assert values["L14D"] == pytest.approx(chances[1, new] - chances[1, old])
    assert np.isnan(values["M11A"])
    cells = found.values(["L14-", "V13A:L14D", "WT"], [0.0] * 3)
    assert np.isnan(cells[LOG_ODDS][0])  # a deletion has contacts alone
    assert not np.isnan(cells[RANKS][0])
    assert cells[LOG_ODDS][1:] == pytest.approx([values["V13A"] + values["L14D"], 0])


@pytest.mark.usefixtures("weights")
def test_probabilities_depend_on_other_letters_but_not_on_the_own() -> None:
    backbone = np.random.default_rng(0).normal(size=(12, 4, 3)) + 3.8 * np.arange(12)[:, None, None]
    one = inverse_folding.letter_log_probabilities(backbone, "ACDEFGHIKLMN")
    other = inverse_folding.letter_log_probabilities(backbone, "ACDEFGHIKLMW")
    assert np.exp(one).sum(1) == pytest.approx(np.ones(12), abs=1e-5)
    assert other[11] == pytest.approx(one[11], abs=1e-6)
    assert (np.abs(other[:11] - one[:11]).max(1) > 1e-6).any()


@pytest.mark.usefixtures("without_weights")
def test_structures_of_other_proteins_and_other_files_are_refused(path, tmp_path) -> None:
    with pytest.raises(DataError, match="structure of the reference's protein"):
        structure_scores(Reference("W" * 20), str(path), [], [])
    with pytest.raises(ConfigError, match=r"Expected a structure file"):
        structure_scores(WILD, "variants.csv", [], [])
