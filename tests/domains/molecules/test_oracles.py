"""Oracles: the benchmark's tasks at known points, similarity, alerts, names."""

import math

import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import GraphDescriptors, rdFingerprintGenerator, rdMolDescriptors

from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules import oracles as pmo
from sciencegen.domains.molecules.oracles import CLASSIFIERS, alerts_oracle
from sciencegen.errors import ConfigError
from sciencegen.scoring.oracles import Oracle


def score(name, smiles):
    return DOMAIN.oracles.find(name).score([DOMAIN.items.parse(smiles)])[0].value


@pytest.mark.parametrize("name", [name for name in DOMAIN.oracles.names() if name not in CLASSIFIERS])
def test_every_oracle_scores_every_drug(name, drugs):
    oracle = DOMAIN.oracles.find(name)
    assert isinstance(oracle, Oracle)
    assert oracle.name == name
    scores = oracle.score(drugs)
    assert len(scores) == len(drugs)
    assert not any(each.failed for each in scores)
    if name.startswith("pmo:"):
        assert all(0.0 <= each.value <= 1.0 for each in scores)
        assert oracle.direction == "maximize"


def test_there_are_20_tasks():
    assert len(pmo.TASKS) == 20
    assert not {"drd2", "gsk3b", "jnk3"} & set(pmo.TASKS)


def test_the_other_three_need_a_classifier():
    assert {"pmo:drd2", "pmo:gsk3b", "pmo:jnk3"} == DOMAIN.oracles.classifiers <= set(DOMAIN.oracles.names())
    for name in DOMAIN.oracles.classifiers:
        with pytest.raises(ConfigError, match=f"a classifier for {name}.*`sciencegen train predictor .*`predictors`"):
            DOMAIN.oracles.find(name)


OPTIMA = {
    "albuterol_similarity": pmo.ALBUTEROL,
    "celecoxib_rediscovery": pmo.CELECOXIB,
    "mestranol_similarity": pmo.MESTRANOL,
    "thiothixene_rediscovery": pmo.THIOTHIXENE,
    "troglitazone_rediscovery": pmo.TROGLITAZONE,
    "isomers_c7h8n2o2": "NC(=O)c1ccc(O)cc1N",
    "isomers_c9h10n2o2pf2cl": "CNC(=O)c1cc(Cl)c(F)c(F)c1P(N)OC",
}


@pytest.mark.parametrize("name", OPTIMA)
def test_a_task_is_solved_by_its_target(name):
    assert score(f"pmo:{name}", OPTIMA[name]) == pytest.approx(1.0, abs=1e-12)


def geometric(*values):
    return math.prod(values) ** (1 / len(values))


def tanimoto(first, second, radius):
    """Count fingerprints by RDKit's older function, independent of the generators that the tasks use."""
    a, b = (rdMolDescriptors.GetMorganFingerprint(Chem.MolFromSmiles(smiles), radius) for smiles in (first, second))
    return DataStructs.TanimotoSimilarity(a, b)


def test_similarity_tasks_use_count_fingerprints_of_the_benchmark():
    other = pmo.SILDENAFIL
    assert score("pmo:celecoxib_rediscovery", other) == pytest.approx(tanimoto(pmo.CELECOXIB, other, 2))
    assert score("pmo:median2", other) == pytest.approx(math.sqrt(tanimoto(pmo.TADALAFIL, other, 3)))
    expected = math.sqrt(tanimoto(pmo.CAMPHOR, other, 2) * tanimoto(pmo.MENTHOL, other, 2))
    assert score("pmo:median1", other) == pytest.approx(expected)


def test_atom_pairs_and_features_equal_the_benchmarks_fingerprints():
    other = Chem.MolFromSmiles(pmo.RANOLAZINE)
    target = Chem.MolFromSmiles(pmo.MESTRANOL)
    pairs = [rdMolDescriptors.GetAtomPairFingerprint(molecule, maxLength=10) for molecule in (target, other)]
    assert pmo.similar_to(pmo.MESTRANOL, "AP")(other) == pytest.approx(DataStructs.TanimotoSimilarity(*pairs))
    morgan = [rdMolDescriptors.GetMorganFingerprint(molecule, 2, useFeatures=True) for molecule in (target, other)]
    assert pmo.similar_to(pmo.MESTRANOL, "FCFP4")(other) == pytest.approx(DataStructs.TanimotoSimilarity(*morgan))


def test_multi_property_tasks_at_their_own_drug():
    logp = {name: DOMAIN.measure([DOMAIN.items.parse(getattr(pmo, name))], ["logp", "tpsa"])[0]
            for name in ("OSIMERTINIB", "FEXOFENADINE", "RANOLAZINE", "SITAGLIPTIN")}  # fmt: skip

    def bell(x, mean, width):
        return math.exp(-0.5 * ((x - mean) / width) ** 2)

    value, surface = logp["OSIMERTINIB"]
    expected = geometric(1.0, bell(1.0, 0.85, 0.1), bell(min(surface, 100), 100, 10), bell(max(value, 1), 1, 1))
    assert score("pmo:osimertinib_mpo", pmo.OSIMERTINIB) == pytest.approx(expected)
    value, surface = logp["FEXOFENADINE"]
    expected = geometric(1.0, bell(min(surface, 90), 90, 10), bell(max(value, 4), 4, 1))
    assert score("pmo:fexofenadine_mpo", pmo.FEXOFENADINE) == pytest.approx(expected)
    value, surface = logp["RANOLAZINE"]
    expected = geometric(1.0, bell(min(surface, 95), 95, 20), bell(min(value, 7), 7, 1), bell(0, 1, 1))
    assert score("pmo:ranolazine_mpo", pmo.RANOLAZINE) == pytest.approx(expected)
    assert score("pmo:sitagliptin_mpo", pmo.SITAGLIPTIN) == pytest.approx(geometric(bell(1, 0, 0.1), 1, 1, 1))
    assert score("pmo:perindopril_mpo", pmo.PERINDOPRIL) == pytest.approx(geometric(1, bell(0, 2, 0.5)))
    assert score("pmo:amlodipine_mpo", pmo.AMLODIPINE) == pytest.approx(geometric(1, bell(2, 3, 0.5)))


def test_zaleplon_wants_another_formula():
    """Zaleplon is C17H15N5O, the task asks for C19H17N3O2: C, H and N are off by two, O by one, the atoms by three."""
    bell = lambda distance, width: math.exp(-0.5 * (distance / width) ** 2)  # noqa: E731
    isomer = geometric(bell(2, 1), bell(2, 1), bell(2, 1), bell(1, 1), bell(3, 2))
    assert score("pmo:zaleplon_mpo", pmo.ZALEPLON) == pytest.approx(math.sqrt(isomer))


def test_valsartan_is_zero_without_its_pattern():
    assert score("pmo:valsartan_smarts", pmo.SITAGLIPTIN) == 0.0
    biphenyl = "CN(C=O)Cc1ccc(-c2ccccc2)cc1"
    sitagliptin, molecule = (Chem.MolFromSmiles(smiles) for smiles in (pmo.SITAGLIPTIN, biphenyl))
    parts = [1.0]
    for function, width in ((pmo.log_p, 0.2), (rdMolDescriptors.CalcTPSA, 5), (GraphDescriptors.BertzCT, 30)):
        parts.append(math.exp(-0.5 * ((function(molecule) - function(sitagliptin)) / width) ** 2))
    assert score("pmo:valsartan_smarts", biphenyl) == pytest.approx(geometric(*parts))


def test_hops_at_their_start():
    assert score("pmo:deco_hop", pmo.HOPPED) == pytest.approx((1 + 0 + 0 + 1) / 4)
    assert score("pmo:scaffold_hop", pmo.HOPPED) == pytest.approx((1 + 1 + 0) / 3)


def test_similarity_to_a_molecule():
    assert score("similarity to CCO", "OCC") == 1.0
    oracle = DOMAIN.oracles.find("similarity to CCO")
    bits = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    first, second = (bits.GetFingerprint(Chem.MolFromSmiles(smiles)) for smiles in ("CCO", "CCN"))
    assert oracle.score([DOMAIN.items.parse("CCN")])[0].value == DataStructs.TanimotoSimilarity(first, second)
    with pytest.raises(ConfigError, match="not a valid SMILES"):
        DOMAIN.oracles.find("similarity to C1CC")


def test_alerts_by_catalog():
    rhodanine = DOMAIN.items.parse("O=C1NC(=S)SC1=Cc1ccccc1")
    assert DOMAIN.oracles.find("alerts").score([rhodanine])[0].value == 3
    assert DOMAIN.oracles.find("alerts:PAINS").score([rhodanine])[0].value == 1
    assert alerts_oracle(["BRENK"]).score([rhodanine])[0].value == 2


def test_an_unknown_oracle_names_the_nearest():
    with pytest.raises(ConfigError, match="pmo:zaleplon_mpo"):
        DOMAIN.oracles.find("zaleplon_mpo")
    with pytest.raises(ConfigError, match="zaleplon_mpo"):
        DOMAIN.oracles.find("pmo:zaleplon")
