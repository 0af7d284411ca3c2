"""Features tell stereoisomers apart, and undefined centres are counted where a chemist would define them."""

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.items import STEREO_BITS, notes, stereo_counts, undefined_stereocentres

ISOMERS = [
    ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"),
    ("C/C=C/C(=O)O", r"C/C=C\C(=O)O"),
    ("O[C@H]1CC[C@H](C)CC1", "O[C@H]1CC[C@@H](C)CC1"),
    ("C[S@](=O)c1ccccc1", "C[S@@](=O)c1ccccc1"),
]


def counts(*texts):
    return stereo_counts([DOMAIN.items.parse(text) for text in texts])


def mirror(molecule):
    """The mirror image of a molecule."""
    image = Chem.RWMol(molecule)
    for atom in image.GetAtoms():
        atom.InvertChirality()
    return Chem.MolFromSmiles(Chem.MolToSmiles(image))


@pytest.mark.parametrize(("one", "other"), ISOMERS)
def test_isomers_and_the_flat_form_differ(one, other):
    flat = Chem.MolToSmiles(Chem.MolFromSmiles(one), isomericSmiles=False)
    rows = counts(one, other, flat)
    assert not rows[2].any()
    assert rows[0].sum() == rows[1].sum() > 0
    assert (rows[0] != rows[1]).any()
    table = DOMAIN.regression.features([DOMAIN.items.parse(text) for text in (one, other)])
    assert np.array_equal(table[:, -STEREO_BITS:], rows[:2])
    assert np.array_equal(table[0, :-STEREO_BITS], table[1, :-STEREO_BITS])


def test_a_feature_is_shared_by_centres_with_equal_surroundings():
    first, second, other = counts(
        "C[C@H](N)C(=O)NCCCCc1ccccc1", "C[C@H](N)C(=O)NCCCCC1CCCCC1", "C[C@@H](N)C(=O)NCCCCC1CCCCC1"
    )
    assert np.array_equal(first, second)
    assert not (first * other).any()


def test_rows_belong_to_the_molecule_not_to_how_it_was_made(mutants):
    chosen = [one for one in mutants if "@" in DOMAIN.items.text(one) or "/" in DOMAIN.items.text(one)][:100]
    assert len(chosen) > 20
    again = [Chem.MolFromSmiles(Chem.MolToSmiles(one)) for one in chosen]
    sent = [Chem.Mol(one.ToBinary()) for one in chosen]
    assert np.array_equal(stereo_counts(chosen), stereo_counts(again))
    assert np.array_equal(stereo_counts(chosen), stereo_counts(sent))
    texts = [Chem.MolToSmiles(one) for one in chosen]
    stereo_counts(chosen)
    assert [Chem.MolToSmiles(one) for one in chosen] == texts


def test_a_meso_form_is_its_mirror_image():
    meso = Chem.MolFromSmiles("O[C@H](C(=O)O)[C@@H](O)C(=O)O")
    assert np.array_equal(*stereo_counts([meso, mirror(meso)]))
    alanine = Chem.MolFromSmiles(ISOMERS[0][0])
    assert not np.array_equal(*stereo_counts([alanine, mirror(alanine)]))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("CCO", 0),
        ("CC(N)C(=O)O", 1),
        ("C[C@H](N)C(=O)O", 0),
        ("C[C@H](N)C(O)C=CC", 2),
        ("CC1CCC(C)CC1", 2),  # cis or trans
        ("CS(=O)CC", 1),
        ("CC(=NO)CC", 1),
        ("CC(=N)NC", 0),  # amidines and imines interconvert
        ("CN=C(N)c1ccccc1", 0),
        ("CP(=O)(O)OC", 0),  # its hydrogen changes places
        ("CP(=O)(OC)OCC", 1),
        ("CN(CC)C1CC1", 0),
        ("CN1CC1C", 1),
        ("C1CC2CCN1CC2", 0),  # quinuclidine
        ("C1C2CC3CC1CC(C2)C3", 0),  # adamantane
        ("O=C1CC2CCC1C2", 2),  # camphor's skeleton
        ("C1CCC=CC1", 0),
    ],
)
def test_undefined_centres_and_double_bonds(text, count):
    molecule = DOMAIN.items.parse(text)
    assert undefined_stereocentres(molecule) == count
    assert undefined_stereocentres(molecule) == count  # it does not change the molecule
    (score,) = DOMAIN.oracles.find("undefined_stereocentres").score([molecule])
    assert score.value == count


@pytest.mark.parametrize(("texts", "defined", "several"), [
    (["C[C@H](N)C(=O)O", "CC(N)C(=O)O", "CCO"], 1, 0),
    ([*ISOMERS[0], *ISOMERS[1], "C[C@H](O)C#N"], 3, 2),
])  # fmt: skip
def test_a_table_says_whether_differences_of_isomers_were_measured(texts, defined, several):
    """Otherwise a lead and its mirror image get predictions that differ, and nobody says that no measurement does."""
    (found,) = notes(texts)
    assert f"defined stereochemistry: {defined}, of these in more than one configuration: {several};" in found
    assert ("have no measurement behind them" in found) == (several == 0)
    assert DOMAIN.regression.notes(texts + texts) == [found]
    assert notes(["CCO", "CC(N)C(=O)O"]) == []


def test_a_molecule_that_is_asked_again_and_again_takes_no_longer():
    """RDKit notes atoms that share a ring on the molecule, more of them at each call."""
    molecule = Chem.MolFromSmiles("CO[C@H]1CC[C@]2(CC1)Cc1ccccc1[C@]21N=C(N)N(C)C1=O")
    atoms = [dict(atom.GetPropsAsDict(True, True)) for atom in molecule.GetAtoms()]
    noted = [list(one["_ringStereoAtoms"]) for one in atoms if "_ringStereoAtoms" in one]
    for _ in range(3):
        assert undefined_stereocentres(molecule) == 0
    after = [atom.GetPropsAsDict(True, True) for atom in molecule.GetAtoms()]
    assert [list(one["_ringStereoAtoms"]) for one in after if "_ringStereoAtoms" in one] == noted
