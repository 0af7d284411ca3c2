"""Models, journals, prepared data and configs that version 0.1.0 wrote are used as they were by it."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import run
from tests.golden_record.artefacts import EXPECTED, LARGE, LOOSE, MADE, USES, difference, uses_of
from tests.golden_record.entries import OUT

OLD = Path(__file__).parent / "old_artefacts"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Uses write beside what they read."""
    folder = tmp_path_factory.mktemp("old") / "copy"
    return shutil.copytree(OLD, folder, ignore=shutil.ignore_patterns(EXPECTED))


def test_no_old_artefact_is_missing() -> None:
    """Its uses would be left out without a word."""
    assert [name for name in MADE if name not in LARGE and not (OLD / name).is_dir()] == []


@pytest.mark.parametrize("name", uses_of(OLD))
def test_an_old_artefact_is_used_as_it_was(name: str, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(copy / "cache"))
    monkeypatch.setenv("SCIENCEGEN_OFFLINE", "1")
    out = f"{EXPECTED}/{name}"
    Path(out).mkdir(parents=True)
    for line in USES[name].replace(OUT, out).splitlines():
        result = run(*shlex.split(line)[1:])
        assert result.code == 0, result.err
    if not name.startswith(LOOSE):
        told = difference(OLD / EXPECTED / name, copy / out)
        assert not told.startswith("differs"), told
