"""Ring systems of molecules and how often drug-like molecules have them."""

import gzip
from importlib.resources import files

import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.alerts import PER_MILLION, count_ring_systems, ring_frequency, ring_systems


@pytest.mark.parametrize(
    ("smiles", "systems"),
    [
        ("CCO", set()),
        ("Cn1ccc2ccccc21", {"c1ccc2[nH]ccc2c1"}),  # what is attached becomes hydrogen
        ("CC1CC(=O)N(C1)c1ccccc1", {"O=C1CCCN1", "c1ccccc1"}),
        ("C[NH+]1CCC2(CC1)OCCO2", {"C1CC2(CCN1)OCCO2"}),  # a spiro system is one, and neutral
        ("CCC=C1CCN(C)CC1", {"C=C1CCNCC1"}),
        ("C[C@H]1CC[C@@H](c2ccccc2)CC1", {"C1CCCCC1", "c1ccccc1"}),
        ("c1ccccc1-c1ccccc1", {"c1ccccc1"}),
    ],
)
def test_ring_systems(smiles, systems):
    assert ring_systems(Chem.MolFromSmiles(smiles)) == systems


def test_the_rarest_system_decides():
    common, rare, unseen, acyclic = map(Chem.MolFromSmiles, ("Cc1ccccc1", "C1CCCCCCC1", "C1CC2C3CC1NC23", "CCO"))
    both = Chem.MolFromSmiles("C1CCCCCCC1c1ccccc1")
    assert ring_frequency(acyclic) == PER_MILLION > ring_frequency(common) > ring_frequency(rare) > 0
    assert ring_frequency(both) == ring_frequency(rare)
    assert ring_frequency(unseen) == 0


def test_the_oracle_gives_the_frequency():
    oracle = DOMAIN.oracles.find("ring_frequency")
    toluene = DOMAIN.items.parse("Cc1ccccc1")
    assert oracle.direction == "maximize"
    assert [score.value for score in oracle.score([toluene])] == [ring_frequency(toluene)]


def test_the_table_is_what_the_counts_are():
    """The texts of the table are those of this RDKit: another one that writes them otherwise finds none."""
    table = files("sciencegen.domains.molecules") / "references" / "ring_systems.csv.gz"
    rows = gzip.decompress(table.read_bytes()).decode().splitlines()[2:]
    systems = [row.rsplit(",", 1)[0] for row in rows[:300]]
    counts = count_ring_systems([*systems, "CCO"])
    assert counts[""] == 301
    assert sum(system in counts for system in systems) >= 297
