"""Endpoints of ADMET-AI: their names and units, the program that predicts them, and real predictions."""

from importlib.util import find_spec

import pytest

from sciencegen import generate, score
from sciencegen.domains.molecules import DOMAIN, admet
from sciencegen.errors import ConfigError

needs_package = pytest.mark.skipif(find_spec("admet_ai") is None, reason="pip install 'sciencegen[admet]'")

TABLE = """\
category,id,name,size,task_type,units,minimum,maximum,species,AUPRC,AUROC,R^2,MAE,url
Physicochemical,logP,LogP,,regression,log-ratio,-inf,inf,-,,,,,x
Absorption,Solubility_AqSolDB,Aqueous Solubility,9980,regression,log(mol/L),-inf,inf,-,,,0.82,0.69,x
Absorption,Caco2_Wang,Cell Effective Permeability,906,regression,log(10^-6 cm/s),-inf,inf,human,,,0.71,0.31,x
Metabolism,CYP2D6_Veith,CYP2D6 Inhibition,13130,classification,-,0.0,1.0,human,0.73,0.89,,,x
Metabolism,CYP2D6_Substrate_CarbonMangels,CYP2D6 Substrate,664,classification,-,0.0,1.0,human,0.66,0.82,,,x
Toxicity,hERG,hERG Blocking,648,classification,-,0.0,1.0,human,0.91,0.84,,,x
Toxicity,NR-AR,Androgen Receptor,7258,classification,-,0.0,1.0,human,0.52,0.78,,,x
Toxicity,NR-AR-LBD,Androgen Receptor (LBD),6751,classification,-,0.0,1.0,human,0.67,0.88,,,x
"""
MODEL = """
import os, sys, time, pandas
from pathlib import Path

class ADMETModel:
    def __init__(self, **settings):
        with open(Path(__file__).with_name("calls.txt"), "a") as file:
            file.write("load\\n")

    def predict(self, smiles):
        print("what a library prints")
        with open(Path(__file__).with_name("calls.txt"), "a") as file:
            file.write(f"{len(smiles)}\\n")
        if "CBr" in smiles:
            sys.stderr.write("no more memory\\n")
            sys.stderr.flush()
            os._exit(3)
        if "CI" in smiles:
            time.sleep(60)
        if "CCl" in smiles:
            raise ValueError("no parameters of Cl")
        sizes = [float(len(one)) for one in smiles]
        return pandas.DataFrame({"hERG": sizes, "Solubility_AqSolDB": [-one / 3 for one in sizes]}, index=smiles)
"""


def molecules(*smiles):
    return [DOMAIN.items.parse(one) for one in smiles]


@pytest.fixture(autouse=True)
def forgetting():
    """No table, prediction or program of another test."""

    def forget():
        if admet._program.cache_info().currsize:
            admet._program().process.kill()
        for one in (admet.endpoints, admet.predicted, admet._program):
            one.cache_clear()

    forget()
    yield
    forget()


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A package of the same layout whose predictions are lengths of SMILES, and what was called of it."""
    package, about = tmp_path / "admet_ai", tmp_path / "admet_ai-2.0.1.dist-info"
    (package / "resources" / "data").mkdir(parents=True)
    about.mkdir()
    (package / "__init__.py").write_text(MODEL)
    (package / "resources" / "data" / "admet.csv").write_text(TABLE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: admet_ai\nVersion: 2.0.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return package / "calls.txt"


@pytest.mark.parametrize(
    ("name", "endpoint", "unit", "direction"),
    [
        ("admet:hERG", "hERG", "", "minimize"),
        ("admet:herg", "hERG", "", "minimize"),
        ("admet:solubility", "Solubility_AqSolDB", "log(mol/L)", None),
        ("admet:Caco2", "Caco2_Wang", "log(cm/s)", None),
        ("admet:cyp2d6_v", "CYP2D6_Veith", "", None),
        ("admet:NR-AR", "NR-AR", "", "minimize"),
    ],
)
def test_an_endpoint_has_a_name_or_the_beginning_of_one(stand_in, name, endpoint, unit, direction):
    found = DOMAIN.oracles.find(name)
    assert (found.name, found.endpoint, found.unit, found.direction) == (name, endpoint, unit, direction)
    assert found.identity == f"admet:{endpoint}, admet_ai 2.0.1"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("admet:CYP2D6", r"got 'CYP2D6'\. Did you mean CYP2D6_Veith or CYP2D6_Substrate_CarbonMangels\?"),
        ("admet:hreg", r"endpoint of ADMET-AI, got 'hreg'\. Did you mean hERG\?"),
        ("admet:solublity", r"Did you mean Solubility_AqSolDB\?"),
        ("admet:", r"There are: Solubility_AqSolDB, Caco2_Wang, "),
        ("admet:logP", r"got 'logP'"),
    ],
)
def test_wrong_names_are_answered_by_right_ones(stand_in, name, message):
    with pytest.raises(ConfigError, match=message):
        DOMAIN.oracles.find(name)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(admet, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"package admet-ai for `admet:\.\.\.`.*pip install 'sciencegen\[admet\]'"):
        DOMAIN.oracles.find("admet:hERG")


@pytest.mark.long
def test_the_networks_are_loaded_once_and_predict_a_batch_once_for_all_endpoints(stand_in):
    blocking, solubility = DOMAIN.oracles.find("admet:hERG"), DOMAIN.oracles.find("admet:solubility")
    given = molecules("CCO", "C", "CCO")
    assert [one.value for one in blocking.score(given)] == [3, 1, 3]
    assert [one.value for one in solubility.score(given)] == [-1, -0.333333, -1]
    assert [one.value for one in blocking.score(molecules("CCCC"))] == [4]
    assert stand_in.read_text().split() == ["load", "2", "1"]


@pytest.mark.long
def test_a_failure_is_that_molecules_alone_with_its_reason(stand_in):
    good, bad, other = DOMAIN.oracles.find("admet:hERG").score(molecules("CCO", "CCl", "C"))
    assert (good.value, other.value) == (3, 1)
    assert (bad.value, bad.failure) == (None, "ADMET-AI fails: no parameters of Cl")


@pytest.mark.long
def test_a_program_that_dies_or_hangs_fails_its_batch_and_is_started_again(stand_in, monkeypatch):
    oracle = DOMAIN.oracles.find("admet:hERG")
    assert [one.failure for one in oracle.score(molecules("CBr"))] == ["ADMET-AI ended: no more memory"]
    assert [one.value for one in oracle.score(molecules("C"))] == [1]
    monkeypatch.setattr(admet, "ITEM_S", 0.5)
    assert [one.failure for one in oracle.score(molecules("CI"))] == ["ADMET-AI gave no answer in 0.5 s"]
    assert [one.value for one in oracle.score(molecules("CC"))] == [2]


@pytest.mark.long
def test_scores_are_written_and_kept_as_those_of_other_programs(stand_in, tmp_path):
    cache = str(tmp_path / "scores.sqlite")
    for name in ("admet:hERG", "admet:herg"):
        found = score("molecules", ["CCO", "C"], names=["qed", name], threads=1, cache=cache).table
        assert list(found[name]) == [3, 1]
        admet.predicted.cache_clear()
    assert stand_in.read_text().split() == ["load", "2"]


@pytest.mark.long
def test_draws_of_several_workers_are_predicted_by_one_program(stand_in):
    made = generate("molecules", 20, include=["admet:hERG"], threads=2).table
    assert made["admet:hERG"].tolist() == made["item"].str.len().tolist()
    assert stand_in.read_text().split().count("load") == 1


@pytest.mark.long
@needs_package
def test_predictions_are_those_of_the_package():
    """Imatinib is known to block hERG, aspirin isn't; the values are those of ADMET-AI 2.0.1 by itself."""
    assert len(admet.endpoints()) == 41
    aspirin_and_imatinib = molecules(
        "CC(=O)Oc1ccccc1C(=O)O", "CN1CCN(CC1)Cc1ccc(cc1)C(=O)Nc1ccc(C)c(Nc2nccc(n2)-c2cccnc2)c1"
    )
    expected = {"hERG": [0.02078, 0.98447], "solubility": [-1.6243, -4.53027], "caco2": [-4.56397, -5.44848]}
    for name, values in expected.items():
        found = DOMAIN.oracles.find(f"admet:{name}").score(aspirin_and_imatinib)
        assert [one.value for one in found] == pytest.approx(values, rel=0.01)
