"""Molecules to groups of SMILES characters and back."""

import json

import numpy as np
import pytest

from sciencegen.domains.molecules import items, smiles_representation
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from sciencegen.vae.autoregressive import END

SMILES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "O=C(O)c1ccccc1", "CCN(CC)CC", "Cc1ccncc1", "CC(C)Cc1ccc(C)cc1"]
WHOLE_CHEMISTRY = {
    "alanine": "C[C@H](N)C(=O)O",
    "penicillin G": "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "choline": "C[N+](C)(C)CCO",
    "atorvastatin": "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O",
    "nicotine": "CN1CCC[C@H]1c1cccnc1",
    "nitrobenzene": "O=[N+]([O-])c1ccccc1",
    "phenylboronic acid": "OB(O)c1ccccc1",
    "ebselen": "O=c1c2ccccc2[se]n1-c1ccccc1",
    "tamoxifen": "CC/C(=C(\\c1ccccc1)c1ccc(OCCN(C)C)cc1)c1ccccc1",
    "a silane": "C[Si](C)(C)C#Cc1ccc(I)cc1",
    "a phosphonate": "CCOP(=O)(OCC)c1ccccc1",
}


@pytest.fixture(scope="module")
def fitted():
    values = np.column_stack([np.arange(7.0), [1, 2, np.nan, 4, 5, 6, 7]])
    return smiles_representation.fit(SMILES * 3, np.tile(values, (3, 1)), ("a", "b"))


@pytest.mark.parametrize("smiles", [*WHOLE_CHEMISTRY.values(), *SMILES], ids=[*WHOLE_CHEMISTRY, *SMILES])
def test_decode_inverts_encode(fitted, smiles):
    """Elements, charges and stereocentres that the training set lacks included."""
    molecule = items.parse(smiles)
    encoded = fitted.encode([molecule])
    (back,) = fitted.decode(fitted.batch(encoded))
    assert items.text(back) == items.text(molecule)


def test_dative_bonds_are_refused_in_words(fitted):
    (refusal,) = fitted.encode([items.parse("[NH3]->[Pt](Cl)(Cl)<-[NH3]")])
    assert isinstance(refusal, Refusal)
    assert "of a dative bond, which the model has not learned" in refusal.reason


def test_groups_shorten(fitted):
    encoded = fitted.encode([items.parse(smiles) for smiles in SMILES])
    assert sum(map(len, encoded)) < 0.6 * sum(map(len, SMILES))


def test_a_batch_masks_what_follows_the_end(fitted):
    encoded = fitted.encode([items.parse(smiles) for smiles in ("C", "CC(=O)Nc1ccc(O)cc1")])
    batch = fitted.batch(encoded)
    assert batch.mask.sum(1).tolist() == [len(tokens) for tokens in encoded]
    assert batch["tokens"][0, int(batch.mask[0].sum()) - 1] == END


def test_refusals_say_why(fitted):
    (long,) = fitted.encode([items.parse("C[C@H](N)[C@@H](O)" * 12)])
    assert isinstance(long, Refusal)
    assert "at most 128" in long.reason
    batch = fitted.batch(fitted.encode([items.parse("CCO"), items.parse("CCN")]))
    batch["tokens"][0, 0] = fitted.vocabulary.read(["("])[0]
    without_end = batch.mask.clone()
    without_end[1, -1] = False
    wrong = fitted.decode(type(batch)(batch.fields, without_end))
    assert [isinstance(one, Refusal) for one in wrong] == [True, True]
    assert "no end" in wrong[1].reason


def test_only_canonical_smiles_are_well_formed(fitted):
    rows = [[*fitted.vocabulary.read(smiles_representation.characters(smiles)), 0] for smiles in ("CCO", "OCC", "C(")]
    batch = fitted.batch([np.array(row) for row in rows])
    assert fitted.well_formed(batch, fitted.decode(batch)).tolist() == [True, False, False]


def test_conditions_are_standardized_and_may_be_missing(fitted):
    row = fitted.condition({"a": fitted.standardization.mean[0] + 2 * fitted.scales["a"]})
    assert row[0] == pytest.approx(2)
    assert np.isnan(row[1])
    with pytest.raises(ConfigError, match="Known: a, b"):
        fitted.condition({"zzz": 1.0})


def test_json_round_trip_is_the_same_representation(fitted):
    again = smiles_representation.load(json.loads(json.dumps(fitted.to_json())))
    molecules = [items.parse(smiles) for smiles in SMILES]
    assert all(np.array_equal(a, b) for a, b in zip(fitted.encode(molecules), again.encode(molecules), strict=True))
    assert again.to_json() == fitted.to_json()


def test_adapting_keeps_the_vocabulary_and_adds_columns(fitted):
    new = smiles_representation.adapt(fitted, ["CCI", "CCO"], np.array([[1.0, 5.0], [3.0, 6.0]]), ("b", "potency"))
    assert new.properties == ("b", "potency")
    assert new.standardization.mean.tolist() == [fitted.standardization.mean[1], 5.5]
    assert new.vocabulary is fitted.vocabulary


def test_a_set_without_molecules_is_an_error():
    with pytest.raises(DataError, match="found none"):
        smiles_representation.fit(["not a molecule"], np.ones((1, 1)), ("a",))
