"""Molecules for the tests: drugs, 2,000 that lie many random mutations away from them, and the sample of QM9."""

import numpy as np
import pytest

from sciencegen.data.cards import load_card
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.structure_files import parse_structure, read_structures
from sciencegen.items import Refusal

DRUGS = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F",
    "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1",
    "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34",
    "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1",
    "C[N+](C)(C)CC(=O)[O-]",
    "O=[N+]([O-])c1ccc(Cl)cc1N=Nc1ccc(O)cc1",
    "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
    "C1CC2CCC1C21CCCCCCCCC1",
    "FC(F)(F)c1cc(Br)nc(SC=S)c1",
]


@pytest.fixture(scope="session")
def drugs():
    return [DOMAIN.items.parse(smiles) for smiles in DRUGS]


@pytest.fixture(scope="session")
def mutants(drugs):
    """1,000 different molecules, far stranger than any drug-like data set."""
    generator = np.random.default_rng(7)
    walkers, found = list(drugs), {}
    while len(found) < 1000:
        for index, walker in enumerate(walkers):
            mutant = DOMAIN.moves.mutate(walker, generator)
            if not isinstance(mutant, Refusal) and mutant.GetNumAtoms() > 5:
                walkers[index] = mutant
                found[DOMAIN.items.key(mutant)] = mutant
            else:
                walkers[index] = drugs[index]
    return list(found.values())[:1000]


@pytest.fixture(scope="session")
def qm9_rows():
    card = load_card("molecules/qm9")
    rows = card.sample_rows(read_structures)
    return [row for split in card.disjoint_splits for row in rows[split]]


@pytest.fixture(scope="session")
def qm9_structures(qm9_rows):
    """Molecules with conformers, and a few refusals."""
    return [parse_structure(row.text) for row in qm9_rows]


@pytest.fixture(scope="session")
def qm9_molecules(qm9_structures):
    return [one for one in qm9_structures if not isinstance(one, Refusal)]
