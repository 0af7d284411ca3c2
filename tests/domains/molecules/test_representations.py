"""Molecules to tokens and back."""

import json

import numpy as np
import pytest

from sciencegen.domains.molecules import items, representations
from sciencegen.domains.molecules.representations import Vocabulary, learn_groups
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal

SMILES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "O=C(O)c1ccccc1", "CCN(CC)CC", "Cc1ccncc1", "CC(C)Cc1ccc(C)cc1"]


@pytest.fixture(scope="module")
def fitted():
    values = np.column_stack([np.arange(7.0), [1, 2, np.nan, 4, 5, 6, 7]])
    return representations.fit(SMILES * 3, np.tile(values, (3, 1)), ("a", "b"))


def test_decode_inverts_encode(fitted):
    molecules = [items.parse(smiles) for smiles in SMILES]
    encoded = fitted.encode(molecules)
    back = fitted.decode(fitted.batch(encoded))
    assert [items.text(m) for m in back] == [items.text(m) for m in molecules]


def test_groups_shorten_and_every_string_reads_back():
    sequences = [list("abcabcabd"), list("abcaab"), list("aaaa")]
    vocabulary = Vocabulary(learn_groups(sequences, 6), 2)
    for sequence in sequences:
        tokens = vocabulary.read(sequence)
        assert vocabulary.write(tokens) == "".join(sequence)
    assert len(vocabulary.read(list("abcabcabd"))) < 5
    assert vocabulary.extended("xyx").read("xax")[0] == len(vocabulary)


def test_the_most_frequent_pair_is_joined_first():
    groups = learn_groups([list("xyxyxy"), list("ab")], 1)
    assert groups == [("a",), ("b",), ("x",), ("y",), ("x", "y")]


def test_refusals_say_why(fitted):
    refused = fitted.encode([items.parse("CCI"), items.parse("CO" * 95)])
    assert all(isinstance(refusal, Refusal) for refusal in refused)
    assert "[I]" in refused[0].reason
    assert "at most 64" in refused[1].reason


def test_conditions_are_standardized_and_may_be_missing(fitted):
    row = fitted.condition({"a": fitted.standardization.mean[0] + 2 * fitted.scales["a"]})
    assert row[0] == pytest.approx(2)
    assert np.isnan(row[1])
    with pytest.raises(ConfigError, match="Known: a, b"):
        fitted.condition({"zzz": 1.0})


def test_json_round_trip_is_the_same_representation(fitted):
    again = representations.load(json.loads(json.dumps(fitted.to_json())))
    molecules = [items.parse(smiles) for smiles in SMILES]
    assert all(np.array_equal(a, b) for a, b in zip(fitted.encode(molecules), again.encode(molecules), strict=True))
    assert again.to_json() == fitted.to_json()


def test_adapting_keeps_old_tokens_and_adds_symbols_and_columns(fitted):
    new = representations.adapt(fitted, ["CCI", "CCO"], np.array([[1.0, 5.0], [3.0, 6.0]]), ("b", "potency"))
    assert new.properties == ("b", "potency")
    assert new.standardization.mean[0] == fitted.standardization.mean[1]
    assert new.standardization.mean[1] == 5.5
    old = fitted.encode([items.parse("CCO")])[0]
    assert np.array_equal(new.encode([items.parse("CCO")])[0], old)
    assert not isinstance(new.encode([items.parse("CCI")])[0], Refusal)


def test_a_property_without_values_is_an_error():
    with pytest.raises(DataError, match="'empty'"):
        representations.fit(SMILES, np.full((7, 1), np.nan), ("empty",))


def test_what_was_encoded_is_well_formed_and_what_means_nothing_is_not(fitted):
    encoded = fitted.encode([items.parse(smiles) for smiles in SMILES])
    batch = fitted.batch(encoded)
    assert fitted.well_formed(batch, fitted.decode(batch)).all()
    backwards = [*fitted.vocabulary.read(["[O]", "[C]", "[C]"]), 0]  # ethanol, which is written CCO
    meaningless = [*fitted.vocabulary.read(["[C]", "[C]", "[=C]", "[Ring1]"]), 0]  # a ring that closes nothing
    spoiled = fitted.batch([np.array(row) for row in (backwards, meaningless)])
    assert items.text(fitted.decode(spoiled)[0]) == "CCO"
    assert not isinstance(fitted.decode(spoiled)[1], Refusal)
    assert not fitted.well_formed(spoiled, fitted.decode(spoiled)).any()
