"""Models, journals, prepared data and configs that released versions wrote are used as they were by them."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import run
from tests.golden_record.artefact_commands import EXPECTED, MADE, SINCE, USES
from tests.golden_record.artefacts import LARGE, difference, is_compared, uses_of, version_of_code
from tests.golden_record.entries import OUT
from tests.workflows.snakemake_process import run_in_this_process

OLD = Path(__file__).parent / "old_artefacts"
VERSIONS = sorted((path.name for path in OLD.iterdir()), key=lambda name: [int(part) for part in name.split(".")])
MOST_BYTES = 800_000
"""Of a version."""


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Uses write beside what they read."""
    folder = tmp_path_factory.mktemp("old") / "copies"
    return shutil.copytree(OLD, folder, ignore=shutil.ignore_patterns(EXPECTED))


@pytest.mark.parametrize("version", VERSIONS)
def test_no_old_artefact_is_missing(version: str) -> None:
    """Its uses would be left out without a word."""
    later = {name for other, names in SINCE.items() if other not in VERSIONS[: VERSIONS.index(version) + 1]
             for name in names}  # fmt: skip
    wanted = [name for name in MADE if name not in LARGE and name not in later]
    assert [name for name in wanted if not (OLD / version / name).is_dir()] == []


def test_every_version_is_there() -> None:
    assert VERSIONS[-1] == version_of_code().partition(".dev")[0], "run `make artefacts`"


@pytest.mark.parametrize("version", VERSIONS)
def test_they_are_small(version: str) -> None:
    assert sum(path.stat().st_size for path in (OLD / version).rglob("*") if path.is_file()) < MOST_BYTES


@pytest.mark.long
@pytest.mark.parametrize(("version", "name"), [(one, name) for one in VERSIONS for name in uses_of(OLD / one)])
def test_an_old_artefact_is_used_as_it_was(
    version: str, name: str, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copies / version
    monkeypatch.chdir(copy)
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(copy / "cache"))
    monkeypatch.setenv("SCIENCEGEN_OFFLINE", "1")
    run_in_this_process(monkeypatch)
    out = f"{EXPECTED}/{name}"
    Path(out).mkdir(parents=True)
    for line in USES[name].replace(OUT, out).splitlines():
        result = run(*shlex.split(line)[1:])
        assert result.code == 0, result.err
    if is_compared(name, OLD / version):
        told = difference(OLD / version / EXPECTED / name, copy / out)
        assert not told.startswith("differs"), told
