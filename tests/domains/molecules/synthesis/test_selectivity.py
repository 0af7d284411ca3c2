import pytest

from sciencegen.domains.molecules.items import parse
from sciencegen.domains.molecules.synthesis.routes import CLASHES, UNSUITABLE, clash, reactions_by_name
from sciencegen.items import Refusal


def refused(name, *smiles):
    found = reactions_by_name()[name].product([parse(one) for one in smiles])
    return found.reason if isinstance(found, Refusal) else ""


def test_rules_name_reactions():
    assert UNSUITABLE.keys() <= reactions_by_name().keys()


def test_amino_acid_reacts_with_itself():
    assert "with itself" in refused("acylation_nitrogen", "NCC(=O)O", "NCc1ccccc1")
    assert refused("acylation_nitrogen", "CC(=O)O", "NCc1ccccc1") == ""


@pytest.mark.parametrize(
    ("name", "clean", "other"),
    [
        ("alcohol_to_bromide", ["OCc1ccccc1"], ["Oc1ccccc1"]),
        ("grignard_carbonyl", ["O=Cc1ccccc1", "Brc1ccncc1"], ["O=Cc1ccccc1O", "Brc1ccncc1"]),
        ("mitsunobu_acid", ["CC(=O)O", "OCc1ccccc1"], ["CC(=O)O", "NCC(O)c1ccccc1"]),
    ],
)
def test_unsuitable_reactants(name, clean, other):
    assert refused(name, *clean) == ""
    assert "isn't used" in refused(name, *other)


@pytest.mark.parametrize(
    ("kept", "lost"),
    [
        ("O=C(Cl)c1ccccc1", "O=C(Cl)c1ccccc1N"),
        ("CS(=O)(=O)Cl", "O=S(=O)(Cl)CCO"),
        ("O=C=Nc1ccccc1", "O=C=NCCO"),
        ("O=Cc1ccccc1N", "O=CCCN"),
        ("BrCCOC", "BrCCNC"),
    ],
)
def test_groups_that_clash(kept, lost):
    assert clash([parse(kept)]) is None
    assert any(name in clash([parse(lost)]).reason for name in CLASHES)


def test_no_product_that_reacts_with_itself():
    assert "beside a group" in refused("suzuki", "OB(O)c1ccc(CN)cc1", "Brc1ccc(N=C=O)cc1")
