"""Design spaces of proteins: what options mean, and that moves and lists stay within them."""

import itertools

import numpy as np
import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.design import design_features, letters
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from tests.domains.proteins.examples import GB1

SITES = (38, 39, 40, 53)


def space(**options):
    return DOMAIN.design.space(**({"reference": GB1} | options))


def test_sequences_of_one_length_are_codes_of_the_alphabet():
    rows = design_features(["ACD", "WYA"], "AAA")
    assert ["".join(ALPHABET[code] for code in row) for row in rows.codes] == ["ACD", "WYA"]
    assert design_features(["ACD", "AC"]) is None
    assert design_features(["ACD"], "AAAA") is None


def test_alike_residues_have_letters_that_are_near():
    at = dict(zip(ALPHABET, letters(), strict=True))
    apart = lambda a, b: float(np.square(at[a] - at[b]).sum())  # noqa: E731
    assert max(apart("I", "V"), apart("D", "E"), apart("K", "R")) < 0.5 < min(apart("G", "W"), apart("A", "P"))


@pytest.mark.parametrize(
    ("options", "residues"),
    [
        ({"positions": "39-41,54"}, dict.fromkeys(SITES, 19)),
        ({"positions": "V39..G41 V54"}, dict.fromkeys(SITES, 19)),
        ({"positions": [39, 40, 41, 54]}, dict.fromkeys(SITES, 19)),
        ({"positions": "40-42,55", "reference": f"{GB1}/2-57"}, dict.fromkeys(SITES, 19)),
        ({"reference": Reference(GB1, 5), "positions": "43-45,58"}, dict.fromkeys(SITES, 19)),
        ({"positions": 39, "residues": "AVLI"}, {38: 3}),
        ({"residues": "39:AVLI 40:*"}, {38: 3, 39: 19}),
        ({"residues": {39: "avli", "40-41": "GD"}}, {38: 3, 39: 1, 40: 1}),
        ({"positions": "39-40", "residues": "FWY 40:DP"}, {38: 3, 39: 1}),
        ({"positions": "39-40", "residues": "V"}, {39: 1}),
        ({}, dict.fromkeys(range(56), 19)),
    ],
)
def test_options_open_places_for_residues(options, residues):
    found = space(**options)
    assert {place: len(some) for place, some in found.others.items()} == residues
    assert found.maximum_mutations == len(residues)
    assert all(GB1[place] not in some for place, some in found.others.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positions": "57"}, "from 1 to 56, the numbers of the wild type.*`wild_type` SEQUENCE/2-56"),
        ({"positions": "A39"}, "Expected V at 39, as in the wild type, got 'A39'.*SEQUENCE/2-56"),
        ({"positions": "41-39"}, "Write 39-41"),
        ({"positions": "39;x"}, "such as 39-41,54 or V39,D40, got 'X'"),
        ({"positions": ""}, "such as 39-41,54, got ''"),
        ({"residues": True}, "Put quotation marks"),
        ({"residues": "AVB"}, "Expected residues among ACD.*got 'AVB'"),
        ({"positions": "39", "residues": "40:A"}, "Add 40 to positions"),
        ({"positions": "39", "residues": "V"}, "Widen residues"),
        ({"maximum_mutations": 0}, "a whole number from 1 as maximum_mutations, got '0'"),
        ({"maximum_mutations": "two"}, "got 'two'"),
        ({"reference": f"{GB1}/2-56"}, "Expected the range of the wild type .* span its 56 letters, found 2-56, 55"),
        ({"reference": "MKZ"}, "Expected a wild type"),
        ({"reference": None}, "got none, and nothing measured. Pass `wild_type`"),
    ],
)
def test_mistakes_are_told_with_their_remedy(options, message):
    with pytest.raises(ConfigError, match=message):
        space(**options)


def test_without_a_wild_type_changes_count_from_what_is_most_frequent():
    found = DOMAIN.design.space([GB1, GB1[:-1] + "A", GB1], positions="39")
    assert (found.origin, found.reference) == (GB1, None)
    assert any("no wild type was given" in note for note in found.notes)
    with pytest.raises(ConfigError, match="measured sequences of 55 to 56 residues"):
        DOMAIN.design.space([GB1, GB1[1:]], positions="39")


@pytest.mark.parametrize("most", [1, 2, 3])
def test_everything_is_what_is_accepted_once_each(most):
    small = DOMAIN.design.space(reference="ACDE", residues="1:CD 3:FG 4:*", maximum_mutations=most)
    every = ["".join(letters) for letters in itertools.product("ACDEFGHIKLMNPQRSTVWY", repeat=4)]
    found = small.everything(10**6)
    assert found[0] == "ACDE"
    assert sorted(found) == [one for one in every if small.accepts(one)]
    assert len(found) == small.size()
    assert small.everything(len(found) - 1) is None
    assert not small.accepts("ACD")


def test_a_large_space_is_counted_and_not_listed():
    assert space(maximum_mutations=4).everything(200_000) is None
    assert space(maximum_mutations=1).size() == 56 * 19 + 1


@pytest.mark.parametrize("length", [300, 5000])
def test_a_long_protein_has_a_space_that_is_counted_too(length):
    long = space(reference="MKVLA" * (length // 5))
    assert long.size() == 20**length
    assert f"at once: 10^{round(length * np.log10(20))} sequences" in long.notes[0]
    assert long.everything(200_000) is None


def test_moves_stay_within_the_space_whatever_the_parent():
    within, generator = space(positions="39-41,54", residues="FWY 40:DP", maximum_mutations=2), np.random.default_rng(0)
    parents, reached = [GB1, "A" * 56, space(positions="39-54").mutate(GB1, generator)], set()
    for _ in range(2000):
        parent = parents[generator.integers(len(parents))]
        child = within.mutate(parent, generator)
        assert child != parent
        assert within.accepts(child)
        reached.add(child)
        parents[0] = child
    assert reached == set(within.everything(1000))
    assert isinstance(within.mutate(GB1[1:], generator), Refusal)


def test_what_was_understood_is_said():
    (first,) = space(positions="39,54", residues="39:AL 54:*", maximum_mutations=1).notes
    assert first == "2 of 56 positions are open: V39 (AL), V54; at most 1 of them changed at once: 22 sequences"
    (first,) = space(positions="39,54", residues="ADEFGHIKLMNPQRSTVWY 54:DE").notes
    assert first.startswith("2 of 56 positions are open, to all but C: V39, V54 (DE); at most 2")
    assert "M1, Q2" in space().notes[0]
    assert "... E56; at most 56 of" in space().notes[0]


@pytest.mark.parametrize("name", ["V39A", "V39A:D40W", "M1A:E56K", "WT"])
def test_a_name_is_that_of_the_sequence_that_it_stands_for(name):
    reference = Reference(GB1)
    assert DOMAIN.variants.name_of(reference, DOMAIN.variants.text_of(reference, name)) == name
    assert isinstance(DOMAIN.variants.name_of(reference, GB1[1:]), Refusal)
