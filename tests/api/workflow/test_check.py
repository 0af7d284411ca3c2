"""A workflow's whole config is checked before a step runs: a wrong name in any section is an error that names it."""

import contextlib
import copy
import os
import time

import pytest
import yaml
from jsonschema import Draft202012Validator

from sciencegen.api.run import read_config
from sciencegen.errors import ConfigError
from tests.own_files import write_own_files
from tests.workflows.snakemake_process import WORKFLOWS

TYPOS = {
    "molecules": [
        ("structures", ".sdff", "structures: .* to end in"),
        ("prepare.source", "mosess", "Did you mean .*moses"),
        ("prepare.source", "moses/trian", "prepare: Expected moses/ and one of"),
        ("prepare.properties", ["lgop"], "prepare: Unknown property .*Did you mean 'logp'"),
        ("prepare.form", "structure", "prepare: .*Did you mean 'structures'"),
        ("prepare.fractions", {"train": 0.9, "test": 0.2}, "prepare: Expected split fractions that sum to 1"),
        ("prepare.fractions", {"train": 0.9, "test": 0.1}, "prepare: Expected no `fractions` for moses, which has"),
        ("prepare.columns", ["qed"], "prepare: Expected other names"),
        ("prepare.wild_type", "MKV", "prepare: Expected no `wild_type`"),
        ("prepare.measured", "own.csv", "prepare: Expected no `measured`"),
        ("prepare.target", "y", "prepare: Expected `measured` with `target`"),
        ("report.colour_by", "clades.csv", "report: Expected a table of labels at clades.csv"),
        ("train.model", "molecule", "train: .*Did you mean 'molecules'"),
        ("train.settings", {"widht": 8}, "train: Expected no settings of training .* got settings"),
        ("train.from", "molecules", "train: Expected no settings of training with .* got from"),
        ("complete", {"model": "qm9-conformers", "training": {"steps": 1}}, "complete: .* got training"),
        ("train", {"recipe": "selfies-vea"}, "train: .*Did you mean 'selfies-vae'"),
        ("train", {"settings": {"raduis": 0.8}}, "train: .*Did you mean 'radius'"),
        ("train", {"training": {"stpes": 8}}, "train: .*Did you mean 'steps'"),
        ("train", {"training": {"precision": "float8"}}, "train: Unknown precision"),
        ("train", {"recipe": "selfies-vae", "finish": {"stpes": 8}}, "train: .*Did you mean 'steps'"),
        ("train", {"conditions": ["lgop"]}, "train: Unknown condition .*Did you mean 'logp'"),
        ("train", {"distill": 4}, "train: Expected a diffusion to distill"),
        ("generate.core", "c1cc", "generate: Expected a core as SMILES"),
        ("generate.vary", "none.smi", "generate: Expected molecules to `vary`, found no file"),
        ("complete", {"recipe": "selfies-vae"}, "complete: Expected a model that completes"),
        ("complete", {"recipe": "conformers", "training": {"stpes": 1}}, "complete: .*Did you mean 'steps'"),
        ("complete", {"model": "qm9-conformer"}, "complete: .*Did you mean 'qm9-conformers'"),
        ("generate.sampler", "huen", "generate: .*Did you mean 'heun'"),
        ("generate", {"sampler": "heun", "step_noise": 0.5}, "generate: Expected a random sampler with `step_noise`"),
        ("generate.include", ["lgop"], "generate: Unknown property .*Did you mean 'logp'"),
        ("generate.where", ["lgop = 2"], "generate: Unknown property .*Did you mean 'logp'"),
        ("generate.where", ["logp < 2"], "generate: Expected a condition like"),
        ("generate.keep", ["c1ccccc"], "generate: Expected a SMARTS pattern"),
        ("generate.noise_free", True, "generate: Expected no `noise_free`"),
        ("generate.predictors", {"x": "nowhere"}, "generate: Expected a predictor's folder"),
        ("predict.y", {"table": "freesolv", "target": "valeu"}, "predict.y: .*Did you mean 'value'"),
        ("predict.y", {"table": "freesolvv", "target": "value"}, "predict.y: .*Did you mean .*freesolv"),
        ("predict.y", {"table": "own.csv", "target": "actvity"}, "predict.y: .*Did you mean 'activity'"),
        ("predict.y", {"table": "own.csv", "target": "activity", "column": "smile"}, "predict.y: Expected column"),
        ("predict.y", {"table": "own.csv", "target": "activity", "split": "scafold"}, "Did you mean 'scaffold'"),
        ("predict.y", {"table": "own.csv", "target": "activity", "settings": {"fold": 3}}, "Did you mean 'folds'"),
        ("predict.y", {"table": "own.csv", "target": "activity", "settings": {"inputs": "latent"}}, "'latents'"),
        ("predict.y", {"table": "own.csv", "target": "activity", "settings": {"families": ["rigde"]}}, "'ridge'"),
        ("predict.y", {"table": "own.csv", "target": "activity", "form": "structure"}, "Did you mean 'structures'"),
        (
            "predict.gap",
            {"table": "qm9/test", "target": "gap", "form": "structures", "settings": {"member": 1}},
            "predict.gap: .*Did you mean 'members'",
        ),
        ("predict.x", {"table": "qm9/test", "target": "gap,homo", "form": "structures"}, "predict.x: Unknown target"),
        ("predict.y", {"table": "own.csv", "target": "series"}, "predict.y: Unknown column of numbers .*activity"),
        ("prepare", {"source": "own.csv", "columns": ["series"]}, "prepare: Unknown column of numbers"),
        ("optimize.goals", ["maximize qde"], "optimize: .*Did you mean 'qed'"),
        ("optimize.goals", ["sa < 3"], "optimize: Expected a goal like"),
        ("optimize.goals", ["similarity to xyz >= 0.4"], "optimize: Expected a molecule to compare with"),
        ("optimize.goals", [], "optimize: Expected at least one goal"),
        ("optimize.goals", ["logp <= 3", "logp >= 4"], "optimize: .*exclude each other"),
        ("optimize.where", ["tpas >= 40"], "optimize: .*Did you mean 'tpsa'"),
        ("optimize.where", ["maximize tpsa"], "optimize: Expected a condition such as"),
        ("optimize.method", "evoluton", "optimize: .*Did you mean 'evolution'"),
        ("optimize.controls", ["hill_clim"], "optimize: .*Did you mean 'hill_climb'"),
        ("optimize.settings", {"populaton": 8}, "did you mean 'population'"),
        ("optimize.include", ["tspa"], "optimize: .*Did you mean 'tpsa'"),
        ("optimize.forbid", ["[N+"], "optimize: Expected a SMARTS pattern"),
        ("optimize.start", ["CC(C"], "optimize: Expected an item of molecules"),
        ("optimize.training", "mosess", "optimize: .*Did you mean .*moses"),
        ("optimize.complete", "qm9-conformer", "optimize: .*Did you mean 'qm9-conformers'"),
        ("optimize.predictors", {"x": "nowhere"}, "optimize: Expected a predictor's folder"),
        ("optimize.oracles", {"x": {"comand": "a"}}, "did you mean 'command'"),
        ("predict.y", {"tabel": "own.csv", "target": "activity"}, "did you mean 'table'"),
        ("propose", {"measured": "own.csv", "acquisiton": "ucb"}, "did you mean 'acquisition'"),
        ("variants", {}, "variants: Expected a model of a family"),
        ("propose", {"measured": "owm.csv", "target": "activity"}, "propose: .*found no file 'owm.csv'"),
        ("propose", {"measured": "own.csv", "target": "actvity"}, "propose: .*Did you mean 'activity'"),
        ("propose", {"measured": "own.csv", "target": "series"}, "propose: Unknown column of numbers"),
        ("propose", {"measured": "own.csv", "target": "activity", "model": "nomodel"}, "propose: .*`train: {model"),
        ("generate.model", "molecules", "generate: Expected no model here"),
        ("optimize.model", "molecules", "optimize: Expected no model here"),
        ("evaluate.model", "molecules", "evaluate: Expected no model here"),
        ("propose", {"measured": "own.csv", "target": "activity", "acquisition": "tompson"}, "'thompson'"),
        ("propose", {"measured": "own.csv", "target": "activity", "surrogate": "pg"}, "propose: .*ensemble, gp"),
        ("propose", {"measured": "own.csv", "target": "activity", "scale": "lgo"}, "propose: .*'log'"),
        ("propose", {"measured": "own.csv", "target": "activity", "breeding": {"childen": 4}}, "'children'"),
        ("propose", {"measured": "own.csv", "target": "activity", "cost_limit": 4}, "propose: Expected a pool"),
        ("propose", {"measured": "own.csv", "target": "activity", "space": {"positions": "3"}}, "no design space"),
        ("propose", {"measured": "own.csv", "target": "activity", "pool": "own.csv", "cost": "prize"}, "'price'"),
        ("evaluate.against", "moses/tset", "evaluate: Expected moses/ and one of"),
        ("evaluate.against", None, "evaluate: Expected what to compare with"),
        ("evaluate.training", "moses/trian", "evaluate: Expected moses/ and one of"),
        ("evaluate.form", "structure", "evaluate: .*Did you mean 'structures'"),
        ("evaluate.predictors", {"logp": "nowhere"}, "evaluate: Expected a predictor's folder"),
        ("evaluate.calibrate", {"qed": [0.5, 1.5]}, "evaluate: Expected qed from 0 to 1"),
        ("evaluate.calibrate", {"lgop": [1]}, "evaluate: .*Did you mean 'logp'"),
    ],
    "proteins": [
        ("optimize.goals", ["maximize fitness", "activty >= -1.5"], "optimize: Unknown property of proteins 'activty'"),
        ("optimize.goals", ["maximize fitnes"], "optimize: .*did you mean 'fitness'"),
        ("optimize.goals", ["maximize fitness", "mutations in domain"], "optimize: Expected a predictor in"),
        ("optimize.goals", ["maximize immune_escape"], "optimize: 'immune_escape' can't be a goal"),
        ("optimize.forbid", ["N[^P"], "optimize: Expected a motif"),
        ("prepare.form", "algined", "prepare: .*Did you mean 'aligned'"),
        ("train.settings", {"latnt": 8}, "train: .*Did you mean 'latent'"),
        ("train.conditions", ["fitnes", "mutations"], "train: .*Did you mean 'fitness'"),
        ("train.finish", {"steps": 8}, "train: Expected no `finish`"),
        ("generate.where", ["fitnes >= 0.5"], "generate: .*'fitnes'"),
        ("generate.symmetry", "C3", "generate: Expected a model that takes `symmetry`"),
        ("generate.contigs", "A1-9", "generate: Expected `scaffold` with `contigs`"),
        ("predict.fitness.target", "fitnes", "predict.fitness: .*Did you mean 'fitness'"),
        ("predict.fitness.split", "position", "predict.fitness: .*Did you mean 'positions'"),
        ("variants", {"variants": "all-single"}, "variants: Expected all-singles or a file"),
        ("propose.space", {"maximum_mutation": 4}, "propose: .*Did you mean 'maximum_mutations'"),
        ("propose.space", {"positions": "39-99"}, "propose: Expected positions from 2 to 56"),
        ("propose.target", "fitnes", "propose: .*Did you mean 'fitness'"),
        ("propose.start", ["D40Q:V39"], "propose: Expected an item of proteins"),
        ("propose.wild_type", "MKX1", "propose: "),
        ("propose.where", ["fitnes in domain"], "propose: Expected a predictor in 'fitnes in domain'"),
        ("propose.where", ["maximize fitness"], "propose: Expected conditions of proposals"),
        ("propose.where", ["mutatons <= 3"], "propose: .*'mutations'"),
        ("propose.controls", ["D40Q:V39"], "propose: Expected an item of proteins for `controls`"),
        ("propose.also", ["nowhere.csv"], "propose: Expected a file or a dataset"),
        ("evaluate.calibrate", {"fitnes": [0]}, "evaluate: .*Did you mean 'fitness'"),
    ],
    "galaxies": [
        ("optimize.goals", ["maximize asymetry"], "optimize: .*Did you mean 'asymmetry'"),
        ("optimize.keep", ["x"], "optimize: Expected no patterns"),
        ("generate.include", ["elipticity"], "generate: .*Did you mean 'ellipticity'"),
        ("generate", {"raw": True, "scaffold": "part.sdf"}, "generate: Expected `raw` or `scaffold`: raw draws"),
        ("generate.scaffold", "part.sdf", "generate: Expected a domain with scaffolds"),
        ("train", {"settings": {"pyramid": {"widht": 8}}}, "train: .*Did you mean 'width'"),
        ("evaluate.calibrate", {"half_light_radus": [1]}, "evaluate: .*Did you mean 'half_light_radius'"),
        ("variants", {"structure": "1btl.pdb"}, "variants: Expected a domain with structures"),
        ("propose", {"measured": "simulated", "target": "flux", "space": {"a": 1}}, "propose: .*no design space"),
    ],
}
CASES = [pytest.param(domain, *case, id=f"{domain}-{case[0]}-{case[1]}") for domain in TYPOS for case in TYPOS[domain]]


def changed(domain, key, value):
    """The domain's own config with one key changed."""
    config = yaml.safe_load((WORKFLOWS / "config" / f"{domain}.yaml").read_text())
    section, *parts = config, *key.split(".")
    for part in parts[:-1]:
        section = section.setdefault(part, {})
    section[parts[-1]] = copy.deepcopy(value)
    return config


def read(folder, config):
    (folder / "own.csv").write_text("item,activity,price,series\nCCO,1,2,a\nCCN,2,2,b\n")
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    return read_config(config["domain"], folder / "run.yaml", None)


@pytest.mark.parametrize(("domain", "key", "value", "message"), CASES)
def test_one_wrong_word_is_told_before_a_step_runs(tmp_path, monkeypatch, domain, key, value, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"(?s)run.yaml.*{message}"):
        read(tmp_path, changed(domain, key, value))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.csv", "run.yaml"]


@pytest.mark.parametrize(
    ("config", "train", "sampler"),
    [
        ("galaxies-diffusion", {"recipe": "stamp-diffusion"}, "dpm-solver"),
        (
            "proteins-backbones",
            {"recipe": "backbone-diffusion", "settings": {"diffusion": {"sampler": "heun"}}},
            "heun",
        ),
        ("proteins-backbones", {"recipe": "backbone-diffusion"}, None),
        ("proteins-backbones", {"model": "backbones"}, None),
    ],
)
def test_noise_of_steps_that_the_planned_model_has_not_is_told(tmp_path, monkeypatch, config, train, sampler):
    """Before it is trained; with a random sampler it is none of these."""
    monkeypatch.chdir(tmp_path)
    chosen = yaml.safe_load((WORKFLOWS / "config" / f"{config}.yaml").read_text())
    chosen |= {"train": train, "generate": {**chosen["generate"], "step_noise": 0.5}}
    write_own_files(tmp_path, chosen)
    told = pytest.raises(ConfigError, match=f"generate: Expected a random sampler with `step_noise`, got '{sampler}'")
    with told if sampler else contextlib.nullcontext():
        read(tmp_path, chosen)


def test_keys_beside_settings_are_taken_with_a_warning(tmp_path, monkeypatch):
    """Snakemake and its steps are given the new spelling."""
    monkeypatch.chdir(tmp_path)
    chosen = changed("molecules", "optimize.maximum_share", 0.5)
    schema = yaml.safe_load((WORKFLOWS / "schemas" / "config.schema.yaml").read_text())
    Draft202012Validator(schema).validate(chosen)
    with pytest.warns(FutureWarning, match='optimize: write settings: {"maximum_share": 0.5} instead of maximum_share'):
        settings, raw = read(tmp_path, chosen)
    assert settings.optimize.settings.maximum_share == 0.5
    assert raw["optimize"]["settings"] == {"maximum_share": 0.5}
    assert "maximum_share" not in raw["optimize"]


@pytest.mark.parametrize(
    ("domain", "key", "value"),
    [
        ("molecules", "train", {"conditions": ["activity", "qed"]}),
        ("molecules", "train", {"from": "molecules"}),
        ("molecules", "optimize.goals", ["maximize pmo:zaleplon_mpo", "alerts:NIH <= 0", "similarity to CCO >= 0.4"]),
        ("molecules", "optimize.training", "results/molecules/soluble-haloperidol/data"),
        ("molecules", "predict.y", {"table": "own.csv", "target": "activity", "settings": {"inputs": "both"}}),
        ("proteins-family", "generate.include", ["family_score"]),
        ("galaxies", "prepare.source", "./night"),
        ("molecules", "evaluate.calibrate", {"sa": [3], "mw": [200]}),
    ],
)
def test_what_data_may_bear_out_is_not_refused(tmp_path, monkeypatch, domain, key, value):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night").mkdir()
    (tmp_path / "family.a2m").write_text(">a\nMK\n>b\nMA\n")
    config = changed(domain, key, value)
    if key == "train" and "conditions" in value:
        config["prepare"] = {"source": "own.csv"}
        config["evaluate"]["calibrate"] = {"activity": [1]}
        config["predict"]["activity"] = {"table": "own.csv", "target": "activity"}
    read(tmp_path, config)


def test_two_models_that_complete_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = changed("molecules", "complete", {"model": "qm9-conformers"})
    config["optimize"]["complete"] = "qm9-conformers"
    with pytest.raises(ConfigError, match="optimize: Expected no complete here"):
        read(tmp_path, config)


def named(name="x", predictor="y", **others):
    config = changed("molecules", "name", name)
    predict = {**config["predict"], predictor: {"table": "own.csv", "target": "activity"}}
    return {**config, "predict": predict, **others}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (named("x'$(touch PWNED)'y"), "name: Expected a name of letters"),
        (named("../other"), "name: Expected a name of letters"),
        (named("{word}"), "name: Expected a name of letters"),
        (named(""), "name: Expected a name of letters"),
        (named(predictor="a'; touch PWNED; '"), "predict: Expected a name of letters"),
        (named(predictor="a=b"), "predict: Expected a name of letters"),
        (named(structures="'; touch PWNED; '.sdf"), "structures: Expected a file ending"),
        (named(results="{word}"), "files: Expected a path without braces"),
        (changed("molecules", "predict.y", {"table": "a{word}.csv", "target": "activity"}), "files: .*without braces"),
    ],
)
def test_names_that_cannot_be_folders_are_told(tmp_path, monkeypatch, config, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a{word}.csv").write_text("item,activity\nCCO,1\n")
    with pytest.raises(ConfigError, match=f"run.yaml, {message}"):
        read(tmp_path, config)


@pytest.mark.parametrize("name", ["a.csv", "results/molecules/late/data/items.parquet"])
def test_files_from_the_future_are_told(tmp_path, monkeypatch, name):
    """What a step makes of them would be older than they are, so that Snakemake removes it."""
    monkeypatch.chdir(tmp_path)
    for one in ("a.csv", name):
        (tmp_path / one).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / one).write_text("item,activity\nCCO,1\n")
    tomorrow = time.time() + 86_400
    os.utime(tmp_path / name, (tomorrow, tomorrow))
    config = changed("molecules", "predict.y", {"table": "a.csv", "target": "activity"}) | {"name": "late"}
    with pytest.raises(ConfigError, match=f"files: Expected files that are not from the future, .*{name} is of"):
        read(tmp_path, config)
    os.utime(tmp_path / name)
    read(tmp_path, config)


@pytest.mark.parametrize("name", ["Anna's run", "run 2 (new)", "ü", "a.b-c_d", "7"])
def test_honest_names_pass(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    read(tmp_path, named(name, predictor=name))


CODE = "import pathlib\npathlib.Path('imported').touch()\ndef heavy(item): return 1.0\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("optimize.goals", ["maximize own_code:heavy", "sa <= 3"]),
        ("optimize.include", ["own_code:heavy"]),
        ("generate.include", ["own_code:heavy"]),
        ("generate.where", ["own_code:heavy <= 3"]),
        ("propose", {"measured": "own.csv", "target": "activity", "where": ["own_code:heavy <= 3"]}),
        ("evaluate.calibrate", {"own_code:heavy": [1]}),
    ],
)
def test_a_check_imports_no_code_of_the_config(tmp_path, monkeypatch, key, value):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_code.py").write_text(CODE)
    with contextlib.suppress(ConfigError):
        read(tmp_path, changed("molecules", key, value))
    assert not (tmp_path / "imported").exists()


def test_code_of_a_config_is_found_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_code.py").write_text(CODE)
    goals = changed("molecules", "optimize.goals", ["maximize own_code:heavy"])
    read(tmp_path, goals)
    with pytest.raises(ConfigError, match=r"optimize: .* has no attribute 'haevy'"):
        read(tmp_path, changed("molecules", "optimize.goals", ["maximize own_code:haevy"]))
    program = {"x": {"command": "cp {input} {output}"}}
    commands = changed("molecules", "optimize.oracles", program)
    commands["optimize"]["goals"] = ["maximize x"]
    read(tmp_path, commands)
    monkeypatch.setenv("SCIENCEGEN_NO_PLUGINS", "1")
    for config in (goals, commands):
        with pytest.raises(ConfigError, match=r"optimize: .*plugins are refused"):
            read(tmp_path, config)
