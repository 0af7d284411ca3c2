"""Moves: a mutation changes exactly one position, a crossover is of both parents and neither."""

import numpy as np
import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.items import Refusal
from tests.domains.proteins.examples import GB1, random_protein


def changed(first, second):
    return [place for place, (one, two) in enumerate(zip(first, second, strict=True)) if one != two]


def test_a_mutation_changes_exactly_one_position(proteins, generator):
    for protein in proteins:
        mutant = DOMAIN.moves.mutate(protein, generator)
        assert len(changed(protein, mutant)) == 1
        assert DOMAIN.items.parse(mutant) == mutant


def test_mutations_follow_from_the_seed_and_reach_everything():
    first, second = ([DOMAIN.moves.mutate(GB1, np.random.default_rng(seed)) for seed in range(20)] for _ in range(2))
    assert first == second
    generator = np.random.default_rng(0)
    reached = {DOMAIN.moves.mutate("AC", generator) for _ in range(1000)}
    assert reached == {f"{letter}C" for letter in ALPHABET if letter != "A"} | {
        f"A{letter}" for letter in ALPHABET if letter != "C"
    }


def test_a_crossover_begins_as_one_and_ends_as_the_other(generator):
    for _ in range(50):
        first, second = random_protein(generator, 40), random_protein(generator, 40)
        child = DOMAIN.moves.recombine(first, second, generator)
        assert child not in (first, second)
        assert any(child == first[:cut] + second[cut:] for cut in range(1, 40))


def test_every_cut_between_two_differences_occurs():
    generator = np.random.default_rng(0)
    children = {DOMAIN.moves.recombine("AAKAA", "CAKAC", generator) for _ in range(50)}
    assert children == {"AAKAC"}
    children = {DOMAIN.moves.recombine("AAKAA", "CAKCC", generator) for _ in range(50)}
    assert children == {"AAKCC", "AAKAC"}


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [("MKV", "MKVA", "one length"), ("MKV", "MKV", "fewer than two"), ("MKV", "MKA", "fewer than two")],
)
def test_what_can_t_be_crossed_is_refused(first, second, reason, generator):
    found = DOMAIN.moves.recombine(first, second, generator)
    assert isinstance(found, Refusal)
    assert reason in found.reason
