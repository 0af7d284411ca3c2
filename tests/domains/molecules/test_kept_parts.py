"""Parts to keep that make every molecule implausible."""

from __future__ import annotations

import pytest
from rdkit import Chem

from sciencegen.domains.molecules.alerts import implausible_groups, is_plausible
from tests.domains.molecules.test_reactive import DRUGS

ALWAYS = {
    "c1ccccc1OO[*:1]": "peroxide",
    "OO": "peroxide",
    "C1CO1": "epoxide",
    "[#6]1-[#6]-[#8]-1": "epoxide",
    "C(=O)Cl": "acyl halide",
    "[*:1]C1OC1[*:2]": "epoxide",
}
NOT_ALWAYS = {
    "CC=O": "CC(C)=O",  # an aldehyde with a hydrogen alone
    "ClCCN": "ClCCNC(C)=O",  # a mustard unless the nitrogen is acylated
    "c1ccc2[nH]c([*:1])nc2c1": "Cc1nc2ccccc2[nH]1",
    "[#6]~[#8]": "CO",
    "": "C",
    "*": "C",
}


@pytest.mark.parametrize("part", ALWAYS)
def test_a_part_with_a_group_of_its_own_is_named(part):
    assert any(name.startswith(ALWAYS[part]) for name in implausible_groups(part))


@pytest.mark.parametrize("part", NOT_ALWAYS)
def test_a_part_that_some_plausible_molecule_holds_may_be_kept(part):
    assert implausible_groups(part) == []
    assert is_plausible(Chem.MolFromSmiles(NOT_ALWAYS[part]))


@pytest.mark.parametrize("name", DRUGS)
def test_drugs_may_be_kept(name):
    assert implausible_groups(DRUGS[name]) == []
