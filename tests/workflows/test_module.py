"""The workflow as a module in a Snakefile of someone else's, with rules of their own before and after it."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from sciencegen import workflow_root
from tests.workflows.conftest import CONFIG, edited, rules_in
from tests.workflows.snakemake_process import WORKFLOWS, call_snakemake

MODULE = """
from sciencegen import workflow_root

configfile: "config.yaml"

rule all:
    input: "short.csv"

module sciencegen:
    snakefile: workflow_root() / "Snakefile"
    config: config["design"]
    prefix: "upstream"

use rule * from sciencegen as sciencegen_*

rule shorten:
    input: rules.sciencegen_optimize.output.table
    output: "short.csv"
    shell: "head -n 3 {input} > {output}"
"""
MEASURE = """
rule measure:
    output: "tables/measured.csv"
    shell: "echo item,y > {output}; echo CCO,1 >> {output}"
"""
NAME = "results/molecules/test"
DESIGN = edited(
    "predict", "stain", value={"table": "tables/measured.csv", "target": "y", "settings": {"inputs": "both"}}
)


def with_module(place, snakefile, *flags, design=DESIGN):
    (place.folder / "Snakefile").write_text(snakefile)
    place.write({"samples": ["a"], "design": design})
    return call_snakemake(*flags, cwd=place.folder, environment=place.environment)


@pytest.mark.long
def test_rules_before_and_after_the_module_run_with_it(place):
    done = with_module(place, MODULE + MEASURE, "--cores", 2, "--printshellcmds", "all", "sciencegen_all")
    assert done.returncode == 0, done.stderr
    assert {"measure", "shorten", "sciencegen_train", "sciencegen_report"} <= rules_in(done.stdout + done.stderr)
    assert (place.folder / "short.csv").read_text() == (place.folder / "upstream" / NAME / "candidates.csv").read_text()
    assert not (place.folder / "results").exists()
    named = {path for call in place.calls() for path in re.findall(rf"[\w./]*{NAME}[\w./-]*", " ".join(call["words"]))}
    assert len(named) > 10
    assert all(path.startswith("upstream/") for path in named), "a command looks where no rule writes"
    read = {word for call in place.calls() for word in json.dumps(call["words"]).split('"')}
    assert {"tables/measured.csv", "items.smi", "known.smi"} <= {word.rstrip("\\") for word in read}
    again = with_module(place, MODULE + MEASURE, "--dry-run", "all", "sciencegen_all")
    assert rules_in(again.stdout + again.stderr) == set()


def test_the_snakefile_of_the_documentation(place):
    page = (WORKFLOWS.parent / "docs" / "workflows.md").read_text()
    snakefile = re.search(r"^```snakemake\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[1]
    done = with_module(place, snakefile, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert rules_in(done.stdout + done.stderr) >= {"measure", "shorten", "sciencegen_train", "sciencegen_optimize"}


def test_the_first_rule_of_the_snakefile_is_the_default(place):
    done = with_module(place, MODULE + MEASURE, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert rules_in(done.stdout + done.stderr) >= {"shorten", "measure"}
    assert "sciencegen_report" not in done.stdout + done.stderr


def test_one_rule_of_the_module_is_changed(place):
    changed = MODULE.replace(
        "rule shorten", "use rule train from sciencegen as sciencegen_train with:\n    threads: 3\n\nrule shorten"
    )
    done = with_module(place, changed, "--dry-run", "--cores", 4, design=CONFIG)
    assert done.returncode == 0, done.stderr
    train = (done.stdout + done.stderr).split("rule sciencegen_train:")[1].split("\nrule ")[0]
    assert "threads: 3" in train


def test_a_config_without_the_domain_is_explained(place):
    done = with_module(place, MODULE.replace('config["design"]', "config"), "--dry-run")
    assert done.returncode == 1
    assert "Expected the key `domain` in the workflow's config, found design, samples" in done.stdout + done.stderr


def test_the_rules_name_files_and_no_other_rules():
    """Else `use rule ... with` fails: Snakemake looks for the other rules under their own names."""
    for path in (WORKFLOWS / "rules").glob("*.smk"):
        code = [line.split("#")[0] for line in path.read_text().splitlines()]
        assert not [line for line in code if re.search(r"\brules\.\w", line)], path.name


@pytest.mark.slow
@pytest.mark.timeout(960)
def test_the_module_makes_real_candidates(tmp_path):
    design = yaml.safe_load((workflow_root() / "config" / "smoke" / "molecules.yaml").read_text())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"design": design | {"threads": 1}}))
    (tmp_path / "Snakefile").write_text(MODULE)
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))
    words = [sys.executable, "-m", "snakemake", "--cores", "2", "all", "sciencegen_all"]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "short.csv").read_text().splitlines()) == 3
    assert "<svg" in (tmp_path / "upstream/results/molecules/smoke/report.html").read_text()
