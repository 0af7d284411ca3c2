"""What the Snakemake workflow catalog asks of a repository: https://snakemake.github.io/snakemake-workflow-catalog."""

import re
import subprocess
import sys

import pytest
import yaml

from tests.workflows.conftest import edited, rules_in, settings_in
from tests.workflows.snakemake_process import WORKFLOWS, call_snakemake

REPOSITORY = WORKFLOWS.parent
USAGE = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]
DEPLOYED = """
configfile: "config/config.yaml"

module sciencegen:
    snakefile: "{repository}/workflow/Snakefile"
    config: config

use rule * from sciencegen
"""
"""What `snakedeploy deploy-workflow` writes into workflow/Snakefile of a project, beside a copy of our config/."""


def test_the_catalog_finds_what_it_asks_for():
    readme = (REPOSITORY / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (REPOSITORY / "config" / "README.md").read_text().startswith("# ")
    assert isinstance(USAGE["software-stack-deployment"]["conda"], bool)
    assert USAGE["report"] is True
    assert USAGE["mandatory-flags"]["flags"] == []


def test_the_readme_describes_every_key():
    text = (REPOSITORY / "config" / "README.md").read_text()
    schema = yaml.safe_load((WORKFLOWS / "schemas" / "config.schema.yaml").read_text())
    assert set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", text, re.MULTILINE)))) == set(
        schema["properties"]
    )


def test_the_config_is_valid():
    assert settings_in(REPOSITORY / "config" / "config.yaml").optimize.goals


@pytest.mark.parametrize(
    "flags", [pytest.param(["--lint"], marks=pytest.mark.slow), ["--dry-run"], ["--rulegraph"]], ids=str
)
def test_snakemake_finds_the_workflow_in_the_repository(flags):
    """The catalog lints a clone, and draws its rules."""
    done = call_snakemake(*flags, "--nolock", cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_format_is_clean():
    words = [sys.executable, "-m", "snakefmt", "--check", str(REPOSITORY / "workflow" / "Snakefile")]
    assert subprocess.run(words, capture_output=True).returncode == 0


@pytest.mark.long
def test_a_deployed_copy_runs(place):
    (place.folder / "workflow").mkdir()
    (place.folder / "workflow" / "Snakefile").write_text(DEPLOYED.format(repository=REPOSITORY))
    (place.folder / "config").mkdir()
    (place.folder / "config" / "config.yaml").write_text(yaml.safe_dump(edited("name", value="deployed")))
    done = call_snakemake("--cores", 2, cwd=place.folder, environment=place.environment)
    assert done.returncode == 0, done.stderr
    assert (place.folder / "results/molecules/deployed/report.html").is_file()
    assert rules_in(done.stdout + done.stderr) >= {"prepare", "train", "report"}


def test_a_wrong_key_is_an_error_of_the_schema(place):
    done = place.snakemake("--dry-run", config=edited("train", value={"modle": "x"}))
    assert done.returncode == 1
    assert "'modle' was unexpected" in done.stdout + done.stderr
