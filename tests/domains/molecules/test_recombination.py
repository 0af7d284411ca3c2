"""Graph crossover: children are molecules, follow from the seed, and are never a parent."""

import itertools

import numpy as np
import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.edits import chain_bonds, recombine, ring_cuts
from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS
from sciencegen.items import Refusal

ODD = [
    "C",
    "[Pt]",
    "CC",
    "[Na+].[Cl-]",
    "[H][H]",
    "c1ccccc1",
    "C1CC1",
    "C[N+](C)(C)C.[Br-]",
    "CC(C)C[C@H](NC(=O)[C@H](C)N)C(=O)N/N=C/c1ccccc1",
    "C1CCCCCCCCCCCCCCCCC1",
    "C12C3C4C1C5C2C3C45",
    "F[S](F)(F)(F)(F)c1ccccc1",
    "[13CH3]C([2H])([2H])O",
    "c1ccc2c(c1)[nH]c1ccccc12",
    "N" * 190,
]


def children(parents, seed, count):
    generator = np.random.default_rng(seed)
    for _ in range(count):
        first, second = (parents[i] for i in generator.integers(len(parents), size=2))
        yield first, second, recombine(first, second, generator)


def test_children_are_molecules_and_never_a_parent(mutants):
    made = 0
    for first, second, child in children(mutants, 0, 500):
        if isinstance(child, Refusal):
            assert child.reason
            continue
        made += 1
        again = DOMAIN.items.parse(DOMAIN.items.text(child))
        assert (
            DOMAIN.items.key(again)
            == DOMAIN.items.key(child)
            not in (DOMAIN.items.key(first), DOMAIN.items.key(second))
        )
        assert len(Chem.GetMolFrags(child)) == 1
        assert child.GetNumAtoms() <= 1.3 * max(first.GetNumAtoms(), second.GetNumAtoms())
    assert made > 400


def test_children_follow_from_the_seed(drugs):
    texts = [
        [getattr(c, "reason", None) or DOMAIN.items.text(c) for *_, c in children(drugs, 5, 100)] for _ in range(2)
    ]
    assert texts[0] == texts[1]


def test_a_child_has_a_piece_of_each_parent():
    first, second = DOMAIN.items.parse("FC(F)(F)c1ccncc1"), DOMAIN.items.parse("C1CCSCC1C(=O)O")
    generator = np.random.default_rng(0)
    found = {DOMAIN.items.key(recombine(first, second, generator)) for _ in range(200)}
    assert DOMAIN.items.key(DOMAIN.items.parse("C1CCSCC1c1ccncc1")) in found
    assert len(found) > 5


def test_rings_are_cut_where_both_parents_have_one():
    first, second = DOMAIN.items.parse("C1CCCCC1"), DOMAIN.items.parse("C1CNCCNCC1")
    assert not chain_bonds(first)
    assert len(ring_cuts(first)) == 9  # pairs of six bonds that don't touch
    generator = np.random.default_rng(1)
    found = [recombine(first, second, generator) for _ in range(50)]
    assert all(Chem.GetSSSR(child) is not None and child.GetRingInfo().NumRings() == 1 for child in found)
    assert {child.GetNumAtoms() for child in found} >= {6, 7, 8}


def test_a_bridged_ring_that_stays_whole_is_refused():
    assert isinstance(recombine(*[DOMAIN.items.parse("C12C3C4C1C5C2C3C45")] * 2, np.random.default_rng(0)), Refusal)


@pytest.mark.parametrize("first", ODD)
def test_odd_parents_give_a_molecule_or_a_reason(first):
    parsed = {text: DOMAIN.items.parse(text) for text in ODD}
    known = [one for one in parsed.values() if not isinstance(one, Refusal)]
    for second, seed in itertools.product(known if parsed[first] in known else [], range(3)):
        child = DOMAIN.moves.recombine(parsed[first], second, np.random.default_rng(seed))
        if isinstance(child, Refusal):
            assert child.reason
        else:
            assert 0 < child.GetNumHeavyAtoms() <= MAX_HEAVY_ATOMS
            assert DOMAIN.items.key(DOMAIN.items.parse(DOMAIN.items.text(child))) == DOMAIN.items.key(child)
