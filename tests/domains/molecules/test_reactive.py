"""Reactive groups: an example of each, and drugs that have none."""

from __future__ import annotations

import pytest
from rdkit import Chem

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.alerts import REACTIVE, is_plausible, reactive_groups

EXAMPLES = {
    "acyl halide": "CC(=O)Cl",
    "sulfonyl or sulfinyl halide": "CS(=O)(=O)F",
    "phosphoryl halide": "CP(=O)(C)F",
    "imidoyl halide": "CC(Cl)=NC",
    "anhydride": "CC(=O)OC(C)=O",
    "isocyanate": "CN=C=O",
    "acyl cyanide": "CC(=O)C#N",
    "acyl azide": "CC(=O)N=[N+]=[N-]",
    "halogen beside": "CC(Cl)C(C)=O",
    "alkyl bromide": "CCBr",
    "benzylic": "ClCc1ccccc1",
    "mustard": "CN(C)CCCl",
    "alkyl ester": "CS(=O)(=O)OC",
    "epoxide": "CC1CO1",
    "beta-lactone": "CC1CC(=O)O1",
    "activated ester": "CC(=O)ON1C(=O)CCC1=O",
    "acyl azole": "CC(=O)n1ccnc1",
    "carbamoyl pyrazole": "CN(C)C(=O)n1cccn1",
    "imidate": "CC(=NC)OS(C)(=O)=O",
    "aldehyde": "CC=O",
    "sulfenamide": "CSN(C)C",
    "phosphite": "COP(OC)OC",
    "open acetal": "COCOC",
    "hemiaminal ether of an arylamine": "COCNc1ccccc1",
    "N-hydroxymethyl amide": "CC(=O)NCO",
    "anhydride of a sulfonic": "CS(=O)(=O)OS(C)(=O)=O",
    "enamine": "CC=CN(C)C",
    "imine of": "CC(C)=NC",
    "acyl ammonium": "CC(=O)[n+]1ccccc1",
    "ynamine": "CC#CN(C)C",
    "aminating hydroxylamine": "NOc1ccnc(C)n1",
    "thiophenol": "Sc1ccccc1",
    "enamine beside": "C(=Cc1ccccc1)N1CCOCC1",
    "enamine of an arylamine": "c1ccccc1N1CCC=C1",
    "hemiaminal ether with one": "CNC1CCCO1",
    "aryl ether of": "CC(=O)N1CCCC1Oc1ccccc1",
    "oxazolidine": "CC1COCN1CC",
    "aminomethyl": "COCCSCN1CCCC1",
    "thiol and sulfur": "CS(=O)CS",
    "Mannich": "CN(C)C(C)n1ccccc1=O",
    "Mannich base, or ether": "CN(C)Cc1c[nH]n(C)c1=O",
    "hydrazone of an acyl cyanide": "N#CC=NNc1ccccc1",
    "benzylic fluoride": "Nc1ccccc1CF",
    "cyanohydrin": "N#CC(O)CNC(C)=O",
    "fluoride of a pyrimidine": "Fc1ccncn1",
    "urea of an aniline": "N#Cc1ccccc1NC(=O)Nc1ccccc1",
    "alpha-aminonitrile": "CCNC(C)C#N",
    "silicon at": "C[Si](C)(C)Sc1ccccc1",
    "ester of an alpha": "CC(=O)OC(C)(F)F",
    "sulfonyl or sulfinyl beside": "CNS(=O)(=O)C(=O)NC",
    "N-sulfonyl pyridone": "CS(=O)(=O)n1ccccc1=O",
    "sulfinate": "CCOS(=O)c1ccccc1",
    "O-acyl hydroxylamine": "CC(C)NOC(C)=O",
    "dialkyl hydroxylamine": "ON1CCCCC1",
    "carbamate of nitrophenol": "CNC(=O)Oc1ccncn1",
    "carbamate of phenol": "CN(C)C(=O)Oc1ccccc1",
    "arylidene malononitrile": "N#CC(C#N)=Cc1ccccc1",
    "carbamate or ester": "CNC(=O)On1ccccc1=O",
    "open enol ether": "C=CC=COCC",
    "open imide": "CC(=O)NC(=O)c1ccccc1",
    "acylated dihydrobenzoxazole": "CC(=O)N1COc2ccccc21",
    "N-sulfonyl imidazole": "CS(=O)(=O)n1ccnc1",
}
DRUGS = {
    "aniracetam, an imide in a ring": "COc1ccc(cc1)C(=O)N1CCCC1=O",
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "afatinib, an acrylamide": "CN(C)CC=CC(=O)Nc1cc2c(Nc3ccc(F)c(Cl)c3)ncnc2cc1OC1CCOC1",
    "vildagliptin, a nitrile": "N#CC1CCCN1C(=O)CNC12CC3CC(CC(O)(C3)C1)C2",
    "clindamycin, an alkyl chloride": "CCCC1CC(N(C)C1)C(=O)NC(C(C)Cl)C1OC(SC)C(O)C(O)C1O",
    "chloramphenicol": "O=C(NC(CO)C(O)c1ccc([N+](=O)[O-])cc1)C(Cl)Cl",
    "penicillin G": "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(=O)O",
    "celecoxib": "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F",
    "formamide": "CNC=O",
    "nifedipine, a dihydropyridine": "COC(=O)C1=C(C)NC(C)=C(C(=O)OC)C1c1ccccc1[N+](=O)[O-]",
    "ranitidine, a nitroenamine": "CNC(=C[N+](=O)[O-])NCCSCc1ccc(CN(C)C)o1",
    "diazepam, an imine of a ring": "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "captopril, an alkylthiol": "CC(CS)C(=O)N1CCCC1C(=O)O",
    "mercaptopurine": "Sc1ncnc2nc[nH]c12",
    "vorinostat, a hydroxamic acid": "ONC(=O)CCCCCCC(=O)Nc1ccccc1",
    "canaline, an O-alkylhydroxylamine": "NOCCC(N)C(=O)O",
    "levosimendan, a hydrazone of a dinitrile": "CC1CC(=O)NN=C1c1ccc(NN=C(C#N)C#N)cc1",
    "cefoxitin, an ether of a hemiaminal": "COC1(NC(=O)Cc2cccs2)C(=O)N2C(C(=O)O)=C(COC(N)=O)CSC21",
    "drotaverine, an enamine with N-H": "CCOc1ccc(C=C2NCCc3cc(OCC)c(OCC)cc32)cc1OCC",
    "hydrochlorothiazide": "NS(=O)(=O)c1cc2c(cc1Cl)NCNS2(=O)=O",
    "adenosine": "Nc1ncnc2c1ncn2C1OC(CO)C(O)C1O",
    "didanosine, a nucleoside": "OCC1CCC(O1)n1cnc2c1nc[nH]c2=O",
    "zileuton, an N-hydroxyurea": "CC(N(O)C(N)=O)c1cc2ccccc2s1",
    "emtricitabine": "Nc1nc(=O)n(cc1F)C1CSC(CO)O1",
    "tegafur": "O=c1[nH]c(=O)n(cc1F)C1CCCO1",
    "chlorthalidone, a hydroxylactam": "O=C1NC(O)(c2ccc(Cl)c(S(N)(=O)=O)c2)c2ccccc12",
}


@pytest.mark.parametrize(("name", "example"), zip(REACTIVE, EXAMPLES.items(), strict=True), ids=EXAMPLES)
def test_every_pattern_has_its_example(name, example):
    start, smiles = example
    assert name.startswith(start)
    assert name in reactive_groups(Chem.MolFromSmiles(smiles))


def test_an_oxazinane_is_one_as_an_oxazolidine():
    (name,) = reactive_groups(Chem.MolFromSmiles("OC1(c2ccccc2)CCN(CCCN2CCCOC2)CC1"))
    assert name.startswith("oxazolidine or oxazinane")


@pytest.mark.parametrize("name", DRUGS)
def test_drugs_have_none(name):
    assert reactive_groups(Chem.MolFromSmiles(DRUGS[name])) == []


def test_searches_leave_them_out_and_scores_count_them():
    acid_chloride, ester = map(Chem.MolFromSmiles, ("CC(=O)Cl", "CC(=O)OC"))
    assert DOMAIN.moves is not None
    assert [DOMAIN.moves.plausible(one) for one in (acid_chloride, ester)] == [False, True]
    assert not is_plausible(Chem.MolFromSmiles("CCOO"))
    assert [one.value for one in DOMAIN.oracles.find("reactive").score([acid_chloride, ester])] == [1, 0]
