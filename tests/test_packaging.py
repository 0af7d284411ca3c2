"""The two doors to an install agree, and a wheel holds what an empty folder needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import sciencegen
from tests.versions import requirements

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_the_conda_door_leads_to_the_same_install():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    by_pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert environment["name"] == PROJECT["name"]
    assert f"python {PROJECT['requires-python']}" in plain
    assert {name.split()[0] for name in plain} <= {"python", "pip", "make"}, "a dependency belongs in pyproject.toml"
    assert by_pip == ["-e .[dev]"]


CITATION = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
RECIPE = yaml.safe_load((REPOSITORY / "conda-recipe" / "recipe.yaml").read_text())
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
"""Libraries that conda-forge names differently."""
LARGEST = 100_000_000
"""PyPI's limit for a file, in bytes."""


def test_versions_agree():
    number = PROJECT["version"].partition(".dev")[0]
    assert sciencegen.__version__ == PROJECT["version"]
    assert CITATION["version"] == PROJECT["version"]
    assert RECIPE["context"]["version"] == PROJECT["version"]
    assert f"## [{number}]" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_the_citation_has_what_its_format_requires():
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["repository-code"] == PROJECT["urls"]["Repository"]
    assert [one["name"] for one in CITATION["authors"]] == [one["name"] for one in PROJECT["authors"]]


def test_the_conda_recipe_asks_for_the_same_libraries():
    """Conda knows no extras, so that the package asks for those of the README's and the gallery's domains."""
    asked = {"python": f">={RECIPE['context']['python_min']}"}
    for entry in requirements(PROJECT, ["molecules", "galaxies", "workflow"]):
        name, bound = re.fullmatch(r"([\w-]+)(.*)", entry).groups()
        asked[CONDA_NAMES.get(name, name)] = bound
    found = dict(entry.replace("${{ python_min }}", "3.11").split() for entry in RECIPE["requirements"]["run"])
    assert found == asked
    assert RECIPE["build"]["python"]["entry_points"] == [
        f"{name} = {target}" for name, target in PROJECT["scripts"].items()
    ]
    assert RECIPE["context"]["python_min"] == PROJECT["requires-python"].removeprefix(">=")


def test_every_classifier_of_a_python_is_supported():
    named = re.findall(r"Python :: 3\.(\d+)", " ".join(PROJECT["classifiers"]))
    assert min(map(int, named)) == int(PROJECT["requires-python"].rpartition(".")[2])
    jobs = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == [f"3.{one}" for one in named]


def test_every_public_name_exists():
    for name in sciencegen.PUBLIC_NAMES:
        assert callable(getattr(sciencegen, name)), name
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = sciencegen.nonesuch


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(REPOSITORY)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.long
def test_the_wheel_is_small_enough(wheel):
    assert wheel.stat().st_size < LARGEST


@pytest.mark.long
def test_the_description_on_pypi_has_addresses(wheel):
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    text = archive.read(name).decode()
    assert text.count("](") > 40
    assert re.findall(r"\]\((?!https://|#)[^)]*", text) == []
    repository = PROJECT["urls"]["Repository"]
    assert f"]({repository}/raw/main/docs/gallery/backbones.webp)" in text
    assert f"]({repository}/blob/main/docs/quickstart.md)" in text


@pytest.mark.long
def test_the_wheel_holds_workflow_datasets_and_package_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = {
        path for path in (REPOSITORY / "sciencegen").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    missing = {str(path.relative_to(REPOSITORY)) for path in files if "_shared" not in path.parts} - names
    assert not missing
    for folder in ("workflows", "datasets"):
        own = [path for path in (REPOSITORY / folder).rglob("*") if path.is_file() and ".snakemake" not in path.parts]
        assert {f"sciencegen/_shared/{path.relative_to(REPOSITORY)}" for path in own} <= names
    assert not any(name.startswith(("tests/", "results/")) for name in names)


@pytest.mark.slow
def test_the_wheel_works_in_a_clean_environment_and_an_empty_folder(wheel, tmp_path):
    """Installed beside nothing of ours; the libraries come from this environment, so that no network is needed."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--no-deps", "--quiet", str(wheel)], check=True)
    site = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    libraries = Path(sys.executable).parent.parent / "lib" / site.parent.name / "site-packages"
    (site / "libraries.pth").write_text(f"{libraries}\n")
    work = tmp_path / "empty"
    work.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    config = site / "sciencegen/_shared/workflows/config/smoke/molecules.yaml"
    where = subprocess.run(
        [python, "-c", "import sciencegen; print(sciencegen.__file__)"], cwd=work, env=environment, capture_output=True
    )
    assert str(site) in where.stdout.decode()
    words = [tmp_path / "venv/bin/sciencegen", "run", "molecules", "--config", str(config)]
    done = subprocess.run(words, cwd=work, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (work / "results/molecules/smoke/report.html").stat().st_size > 10_000
