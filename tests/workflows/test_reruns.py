"""What an edit of the config makes anew: the steps that depend on it, and none else."""

import json
import os

import pytest

from sciencegen.config import PredictorSettings, TrainSettings, build_settings
from tests.workflows.conftest import CONFIG, edited
from tests.workflows.conftest import RULES as EVERY_RULE

RULES = EVERY_RULE - {"complete"}
AFTER_PREDICTING = {"predict", "optimize", "variants", "propose", "report"}
AFTER_TRAINING = RULES - {"prepare", "predict"}


def test_a_finished_run_has_everything_and_nothing_to_do(finished):
    names = ("report.html", "candidates.parquet", "candidates.csv", "candidates.sdf", "metrics.json", "config.yaml")
    assert all((finished.results / name).is_file() for name in names)
    steps = sorted([*(RULES - {"predict"}), "predict-stain"])
    assert sorted(path.stem for path in (finished.results / "logs").iterdir()) == steps
    assert sorted(path.stem for path in (finished.results / "benchmarks").iterdir()) == steps
    assert finished.would_run() == set()


def test_each_step_runs_once_and_is_heard(finished):
    verbs = [call["verb"] for call in finished.calls()]
    assert sorted(verbs) == sorted([*(RULES - {"predict", "variants"}), "predictor", "score"])
    assert all(f"{verb} speaks" in finished.said for verb in verbs)
    assert "train speaks" in (finished.results / "logs" / "train.log").read_text()


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("evaluate", "limit"), 5, {"evaluate", "report"}),
        (("optimize", "budget"), 10, {"optimize", "report"}),
        (("generate", "n"), 8, {"generate", "evaluate", "report"}),
        (("predict", "stain", "settings"), {"members": 3}, AFTER_PREDICTING),
        (("predict", "stain", "table"), "solubility", AFTER_PREDICTING),
        (("variants", "structure"), "1btl.pdb:A", {"variants", "report"}),
        (("propose", "batch"), 8, {"propose", "report"}),
        (("train", "training"), {"steps": 4}, AFTER_TRAINING),
        (("report", "title"), "Another", {"report"}),
        (("device",), "cpu", {"report"}),
        (("threads",), 1, {"report"}),
        (("gpus",), 4, {"report"}),
        (("seed",), 1, RULES),
        (("prepare", "limit"), 5, RULES - {"predict"}),
    ],
    ids=lambda part: ".".join(map(str, part)) if isinstance(part, tuple) else "",
)
def test_an_edit_reruns_what_depends_on_it(finished, path, value, expected):
    assert finished.would_run(edited(*path, value=value)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stain.csv", AFTER_PREDICTING),
        ("named.fasta", AFTER_PREDICTING),
        ("items.smi", RULES - {"predict"}),
        ("wild.fasta", RULES - {"predict"}),
        ("origin.fasta", {"propose", "report"}),
        ("pool.csv", {"propose", "report"}),
        ("part.sdf", {"generate", "evaluate", "report"}),
        ("known.smi", {"optimize", "report"}),
        ("seen.smi", {"evaluate", "report"}),
    ],
)
@pytest.mark.long
def test_a_changed_file_is_read_anew(finished, name, expected):
    path = finished.folder / name
    before, times = path.read_text(), path.stat()
    path.write_text(before + "CCC,2\n")
    try:
        assert finished.would_run() == expected
    finally:
        path.write_text(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_snakemakes_own_report_holds_our_page(finished):
    """How long each step took, and the page with its caption in one file."""
    done = finished.snakemake("--report", "run.html")
    assert done.returncode == 0, done.stderr
    assert "The ranked candidates" in (finished.folder / "run.html").read_text()


def test_a_step_sees_its_own_section_and_what_it_builds_on(finished):
    seen = {}
    for call in finished.calls():
        words = call["words"]
        if "--settings" in words:
            seen[call["verb"]] = json.loads(words[words.index("--settings") + 1])
    results = "results/molecules/test"
    assert seen["train"] == {"seed": 0, **CONFIG["train"]}
    assert seen["evaluate"] == {"seed": 0, "model": f"{results}/model", **CONFIG["evaluate"]}
    assert seen["optimize"]["predictors"] == {"stain": f"{results}/predictors/stain"}
    assert seen["optimize"]["training"] == "known.smi"
    assert not {"cache", "settings"} & seen["optimize"].keys()  # `cache` is of scores of programs, and there is none
    told = {"model": f"{results}/model", "predictors": {"stain": f"{results}/predictors/stain"}}
    assert seen["propose"] == {"seed": 0, **told, **CONFIG["propose"]}
    assert seen["report"] == CONFIG
    assert f"stain={results}/predictors/stain" in finished.calls("score")[0]["words"]


def test_scores_of_programs_are_kept_in_the_run_folder(place):
    config = edited("optimize", "goals", value=["maximize stain", "minimize dock:EGFR"])
    done = place.snakemake("-n", "-p", "--until", "optimize", config=config)
    assert '"cache": "results/molecules/test/programs.sqlite"' in done.stdout


def test_rules_obey_further_settings_in_the_old_spelling_too(place):
    """Snakemake alone reads a config as it is; `sciencegen run` has moved them into `settings`."""
    optimize = {**CONFIG["optimize"], "goals": ["minimize dock:EGFR"], "cache": "own.sqlite"}
    propose = {**CONFIG["propose"], "measured": "solubility/train", "sample": False}
    changes = {"prepare": {"source": "solubility/train", "sample": True}, "optimize": optimize, "propose": propose}
    done = place.snakemake("-n", "-p", config={**CONFIG, **changes})
    assert "programs.sqlite" not in done.stdout
    assert '"settings": {"sample": false}' in done.stdout, done.stderr


@pytest.mark.long
def test_what_the_search_found_is_offered_to_a_plate_that_has_no_pool(place):
    """Beside what the config names, which is read again where it changed."""
    config = edited("propose", value={"measured": "stain.csv", "target": "y", "also": "pool.csv"})
    done = place.snakemake("--until", "propose", config=config)
    assert done.returncode == 0, done.stderr
    words = place.calls("propose")[0]["words"]
    also = json.loads(words[words.index("--settings") + 1])["also"]
    assert also == ["pool.csv", "results/molecules/test/candidates.parquet"]
    assert "propose" not in place.would_run(config)
    (place.folder / "pool.csv").write_text("CCC,2\n")
    assert "propose" in place.would_run(config)


def test_a_predictor_may_learn_from_a_dataset(place):
    """A dataset's name is no file to wait for, and the command gets it as it is."""
    done = place.snakemake("--until", "predict", config=edited("predict", "stain", "table", value="solubility/train"))
    assert done.returncode == 0, done.stderr
    assert place.calls("predictor")[0]["words"][:4] == ["train", "predictor", "molecules", "solubility/train"]


@pytest.mark.long
def test_a_predictor_of_latents_waits_for_the_model(place):
    config = edited("predict", "stain", "settings", value={"inputs": "both"})
    assert place.snakemake("--until", "predict", config=config).returncode == 0
    assert [call["verb"] for call in place.calls()] == ["prepare", "train", "predictor"]
    words = place.calls("predictor")[0]["words"]
    assert json.loads(words[words.index("--settings") + 1])["model"] == "results/molecules/test/model"


@pytest.mark.parametrize(
    ("verb", "code", "finishes"), [pytest.param("optimize", 5, True, marks=pytest.mark.slow), ("optimize", 2, False)]
)
def test_fewer_results_than_asked_are_no_failure(place, verb, code, finishes):
    (place.folder / "exit").write_text(f"{verb} {code}")
    assert (place.snakemake().returncode == 0) == finishes
    assert (place.results / "report.html").exists() == finishes


def of_a_dataset():
    config = edited("prepare", value={"source": "qm9", "sample": False, "limit": 50, "column": "smiles"})
    config["complete"] = {"recipe": "conformers"}
    del config["optimize"]["training"]
    config["predict"] = {"gap": {"table": "qm9/test", "target": "gap"}, "other": {"table": "moses", "target": "y"}}
    return config


@pytest.mark.long
def test_what_reads_the_dataset_again_reads_it_alike(place):
    """Else a fresh run takes the committed sample for the set that `prepare` is about to fetch."""
    config = of_a_dataset()
    done = place.snakemake("--cores", 2, config=config)
    assert done.returncode == 0, done.stderr
    words = {" ".join(call["words"][:4]): call["words"] for call in place.calls() if call["verb"] != "score"}
    seen = {name: json.loads(some[some.index("--settings") + 1]) for name, some in words.items()}
    completing = words["train molecules --data qm9"]
    assert completing[completing.index("--item-column") + 1] == "smiles"
    assert {k: v for k, v in seen["train molecules --data qm9"].items() if k != "seed"} == {
        "sample": False,
        "limit": 50,
        "recipe": "conformers",
    }
    searching = next(settings for words, settings in seen.items() if words.startswith("optimize"))
    assert searching["training"] == "results/molecules/test/data"
    assert seen["train predictor molecules qm9/test"]["sample"] is False
    assert "sample" not in seen["train predictor molecules moses"]
    for name, settings in seen.items():  # each is what its verb knows
        if name.startswith("train"):
            build_settings(PredictorSettings if "predictor" in name else TrainSettings, settings)
    config["prepare"]["properties"] = ["qed"]
    assert place.would_run(config) == EVERY_RULE - {"complete", "predict"}
    config["prepare"]["sample"] = True
    assert place.would_run(config) == EVERY_RULE


def test_what_judges_a_condition_stands_beside_the_predictors_that_are_named(place):
    own, made = {"sol": "runs/sol", "stain": "runs/earlier"}, "results/molecules/test/predictors/stain"
    config = edited("evaluate", value={"against": "moses/test", "calibrate": {"stain": [1]}, "predictors": own})
    assert place.snakemake("--until", "evaluate", config=config).returncode == 0
    words = place.calls("evaluate")[0]["words"]
    assert json.loads(words[words.index("--settings") + 1])["predictors"] == {"sol": "runs/sol", "stain": made}
