"""Unstable groups: what chemists can't isolate is found, and what they buy isn't."""

from pathlib import Path

import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.alerts import (
    BRIDGED_AROMATIC,
    LARGE_AROMATIC,
    RADICAL,
    UNSTABLE,
    is_stable,
    unstable_groups,
)

DATASETS = Path(__file__).parents[3] / "datasets"

EXAMPLES = {
    "peroxide": "CCOO",
    "chain of sulfur": "CSSSC",
    "hypohalite": "CC(=O)OF",
    "nitrogen-halogen": "CN(Cl)C",
    "phosphorus halide": "CP(=O)(Cl)OC",
    "phosphorus(III)": "CPC",
    "multiple bond of phosphorus": "CC#P",
    "silicon or selenium halide": "C[Si](C)(C)Cl",
    "sulfenic": "CSO",
    "carbonyl hydrate": "CC(O)O",
    "hemiacetal": "COC(C)O",
    "hemiaminal": "CC(C)(O)N1CCCC1",
    "aminal": "CC(N)N",
    "aminal with a": "CC(N(C)C)N(C)C",
    "amine and amide": "CC(=O)NCN1CCCC1",
    "halogen and OH": "CC(O)(F)F",
    "halogen and amine": "CC(F)N(C)C",
    "alpha-halogen ether": "COC(C)Cl",
    "enol": "C=C(C)O",
    "enamine": "CC=CNC",
    "alkyne with": "CC#CO",
    "N-H imine": "CC(C)=N",
    "imine of formaldehyde": "CN=C",
    "aliphatic, vinylic": "CC(C)(C)N=O",
    "thioaldehyde": "CC(C)=S",
    "thioformate": "CSC=O",
    "carbamic": "O=C(O)n1ccc2ccccc21",
    "chain of three": "CC(C)=NN(C)OC",
    "triazene": "CNN=NC",
    "two heteroatoms at an oxygen": "CN(C)ON(C)C",
    "diimide": "CN=N",
    "diazo": "C=[N+]=[N-]",
    "ketene": "CC=C=O",
    "cumulene": "C1=C=CCCC1",
    "triple bond": "c1cc#ccc1",
    "antiaromatic": "C1=CC=C1",
    "aromatic ring of four": "Cn1ccs1",
    "benzo-fused": "c1ccc2c(c1)CN2",
    "heteroatoms in a row": "C1NNN1",
    "carbocation": "C[C+](C)C",
    "oxonium": "C[O+](C)C",
    "carbanion": "C[CH-]C",
    "hypervalent": "CS(C)(C)C",
    "with hydrogen": "C[SiH3]",
    "boron halide": "CB(F)C(=N)N",
    "thiol and nitrogen": "CC(S)NC(C)=O",
    "imidoyl": "CC(=N)F",
    "unsaturated ring of four": "C1=CCS1",
    "ring of three": "CNCC(C)(CN1CCCC1)c1c2cc(N3CCCC3)cc1-2",
    "NH2 and arylamine": "C#Cc1cccc(N2CCCC(OCCOc3ccnnc3)[C@H]2N)c1",
    "hemiaminal ether": "COC(C)N",
    "amine and sulfonamide": "NS(=O)(=O)C1CCCN1",
    "ketene acetal": "COC1=Cc2ncnc(N)c2CO1",
    "ring of four with two": "CN1CCN1C",
    "fluorine and sulfur": "CSC(C)F",
    "N-arylhydroxylamine": "ONc1ccccc1",
    "diazohydroxide": "CCN=NO",
    "cyclopentadiene": "CC1=CC=CC1",
    "enehydrazine": "CC(=O)NC=CNN=Cc1ccccc1",
    "alkylamine and azole": "CN1CCCC1n1ccnc1",
    "imidazolidine": "CN1CCN(C)C1",
    "amine beside": "CC(=O)N1CCCCC1N1CCCC1",
    "amine and acylated nitrogen": "CC(=O)N1CCCN(C)C1",
    "amine of a ring and amide": "CC(=O)NC1CCCCN1",
    "hydrazine and oxygen": "NNC1CCCCO1",
    "hydrazine of a ring amine": "CN1CCN(Nc2ccccc2)CC1",
    "ketone beside": "CC(=O)CC=Cc1ccccc1",
    "oxetane with": "CC(=O)NC1CCO1",
    "sulfinamide": "CN(C)S(=O)c1ccccc1",
    "azetine": "CN1C=CC1",
    "3H-pyrrole": "CC1(C)C=CC=N1",
    "alkyl azo": "CN=NC1CCCCC1",
    "cyclohexa-1,3-diene": "CC1=CC=CCC1",
    "quinodimethane": "c1c2c(ccc1)=CCC=2",
    "ketene aminal": "C=C(Nc1ccccc1)Nc1ccccc1",
    "cyclopropene": "CCOC1=CC1",
    "hydroxyindole": "Oc1c[nH]c2ccccc12",
}
MAKEABLE = [
    "OC1CCCCO1", "OCC1OC(O)C(O)C(O)C1O", "OC(O)C(Cl)(Cl)Cl", "CN1CN(C)CN(C)C1", "OB(O)c1ccccc1", "CC(=O)CC(C)=O",
    "CC(=O)C=C(O)C", "OCC(O)C1OC(=O)C(O)=C1O", "NC(=N)c1ccccc1", "CN(N=O)C", "CON(C)C(C)=O", "C[N+](C)(C)CCO",
    "[O-][N+](=O)c1ccccc1", "CSSC", "FC(F)(F)Oc1ccccc1", "FC(F)(F)SC", "CS(C)(=O)=O", "FS(F)(F)(F)(F)c1ccccc1",
    "C[S+](C)C", "NN1CCOCC1", "CC1=NNC(=O)C1", "C=CNC(C)=O", "N#CC=C(N)C", "c1ccc2c(c1)CC2", "Nc1c(N)c(=O)c1=O",
    "C[Si](C)(C)C", "[N-]=[N+]=NCc1ccccc1", "O=C1NC(=O)NC=C1F", "OC(=O)C(O)=O", "CN1CCN(C)CC1", "C1CC1", "C1OC1C",
    "O=[Cl](=O)(=O)[O-]", "c1ccc2[nH]cnc2c1", "CC(C)=NO", "CC(C)=NNC(N)=O", "C#CCO", "CC#N", "[C-]#[N+]c1ccccc1",
    "FCOC(C(F)(F)F)C(F)(F)F", "O=c1c(-c2ccccc2)c1-c1ccccc1", "c1cc2ccc3cccc4ccc(c1)c2c34", "c1cc2c3c(cccc3c1)CC2",
    "C1Cc2ccc(cc2)CCc2ccc1cc2", "c1cc2c3c(c1)CCn3CC2", "C1=CC2C=CC1C2", "c1ccc2c(c1)CC=C2",
    "CC(C)(C)OC(=O)NCNC(=O)OC(C)(C)C", "CC(NC(C)=O)n1cccn1", "C1NCCO1", "CN(CS(=O)(=O)O)c1ccccc1", "CC(N)C#N",
    "COC(OC)=CC(C)=O", "CSC(SC)=C[N+](=O)[O-]", "O=C1OC=CO1", "COc1ccco1", "CN1C(=O)N(C)C1=O", "NCCS(N)(=O)=O",
    "c1ccc2c(c1)-c1ccccc1-2", "CC(C)=NNc1ccccc1", "CC(=O)C=CNN(C)C", "CC1=NNC=CC1", "C=CNC(C)=O",
    "CN1CCc2nccn2C1", "CN(C)CCn1ccnc1",
    "NC(C1=CCC=CC1)C(=O)O", "C1N2CN3CN1CN(C2)C3", "CCCCC(CC)CN1CN(CC(CC)CCCC)CC(C)(N)C1",
    "NS(=O)(=O)c1cc2c(cc1Cl)NCNS2(=O)=O",
    "CNC(=O)Oc1ccc2c(c1)C1(C)CCN(C)C1N2C", "O=C1NCN(c2ccccc2)C12CCNCC2", "c1ccc(N=Nc2ccccc2)cc1", "CN1CCC=C1C#N",
    "CN(C)c1ccc(N=NC(C)=O)cc1", "CC1=NC(C)(C)C2CCCCC12", "CC1C=CC(=O)N1", "NC(N)=NN=C(C)C",
    "CC(=O)c1cccc(NC2c3ccccc3C(=O)N2C)c1",
]  # fmt: skip


def test_every_pattern_has_its_example():
    assert len(EXAMPLES) == len(UNSTABLE)
    for name, (start, smiles) in zip(UNSTABLE, EXAMPLES.items(), strict=True):
        assert start in name
        assert name in unstable_groups(Chem.MolFromSmiles(smiles)), f"{name}: {smiles}"


@pytest.mark.parametrize(
    ("smiles", "name"),
    [
        ("CC(C)[CH2]", RADICAL),
        ("Oc1cccccnccc1", LARGE_AROMATIC),
        ("Nc1cc2c3cnc4ncn(c4c3)c2cc1F", BRIDGED_AROMATIC),
        ("C1CCc2cccc1c2", BRIDGED_AROMATIC),
    ],
)
def test_what_no_pattern_describes_is_found(smiles, name):
    assert name in unstable_groups(Chem.MolFromSmiles(smiles))


@pytest.mark.parametrize(
    ("smiles", "group"),
    [
        ("c1ccc(NCN2CCCC2)cc1", "aminal"),
        ("c1ccc(NCNc2ccccc2)cc1", "aminal"),
        ("CN1CCCC1Nc1ccccc1", "aminal"),
        ("CC(=O)NCNc1ccccc1", "amine and amide"),
        ("CC(=O)NC1(N)CCCC1", "amine and amide"),
        ("OC1Cc2ccccc2N1", "hemiaminal"),
        ("CN1CCCN(C)C1", "imidazolidine or hexahydropyrimidine"),
        ("CS(=O)(=O)N1CCCC1Nc1ccccc1", "amine beside the acylated nitrogen"),
        ("CN1NCCNC1", "hydrazine and oxygen or amine"),
        ("C1=NCC1", "azetine"),
        ("CC1=NCC=C1", "3H-pyrrole"),
        ("COC1=CC=CCC=C1", "cyclohexa-1,3-diene or cycloheptatriene"),
        ("CC(=O)N=O", "aliphatic, vinylic or acyl nitroso"),
        ("CNC(=O)c1nn[nH]cc2cnc1-2", "aromatic ring of four"),
    ],
)
def test_other_forms_of_a_group_are_found_too(smiles, group):
    assert any(name.startswith(group) for name in unstable_groups(Chem.MolFromSmiles(smiles)))


def test_molecules_of_a_catalogue_have_none():
    found = {smiles: unstable_groups(Chem.MolFromSmiles(smiles)) for smiles in MAKEABLE}
    assert {smiles: groups for smiles, groups in found.items() if groups} == {}


def test_purchasable_molecules_have_none():
    """MOSES is a selection of ZINC's leads: a group that is found there is found wrongly."""
    rows = list(DOMAIN.items.read(next((DATASETS / "molecules/moses").glob("sample*")), None))
    assert len(rows) > 100
    assert all(is_stable(DOMAIN.items.parse(row.text)) for row in rows)


def test_the_oracle_counts_groups():
    oracle = DOMAIN.oracles.find("unstable")
    molecules = [DOMAIN.items.parse(text) for text in ("CCO", "OOCC(O)O")]
    assert [score.value for score in oracle.score(molecules)] == [0, 2]
