"""A trained toy model, and the command line in this process."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sciencegen.cli.main import main
from tests.toy import write_clouds


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def run(*arguments: object, stdin: bytes = b"") -> Result:
    """`sciencegen <arguments>` without a new process."""
    out, err, before = io.StringIO(), io.StringIO(), (sys.argv, sys.stdin)
    sys.argv, sys.stdin = ["sciencegen", *map(str, arguments)], io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv, sys.stdin = before
    return Result(int(ended.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture
def cli() -> Callable[..., Result]:
    return run


@dataclass(frozen=True)
class Workspace:
    """clouds.csv and what was made of it: data, model, predictor."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "model"


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Prepared, trained and fitted once for all tests, by the command line."""
    folder = tmp_path_factory.mktemp("toy")
    write_clouds(folder / "clouds.csv", 300, extra=True)
    split = "{fractions: {train: 0.8, test: 0.2}}"
    steps = [
        ("datasets", "prepare", "pointclouds", folder / "clouds.csv", "-o", folder / "data", "--settings", split),
        ("train", "pointclouds", "--data", folder / "data", "-o", folder / "model", "--condition", "radius",
         "--training", "steps=200", "--training", "learning_rate=0.01", "--training", "warmup_steps=5"),
        ("train", "predictor", "pointclouds", folder / "clouds.csv", "--target", "measured", "-o", folder / "predictor",
         "--set", "families=[ridge]", "--set", "folds=3"),
    ]  # fmt: skip
    for step in steps:
        result = run(*step)
        assert result.code == 0, result.err
    return Workspace(folder)


SMALL = "{settings: {network: {width: 32, pair_width: 8, layers: 2, heads: 2, vectors: 2, radial: 8, context: 16}}}"


@pytest.fixture(scope="session")
def conformers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of coordinates, which has hardly begun to learn, beside the data that it prepared."""
    folder = tmp_path_factory.mktemp("conformers") / "model"
    training = ("--training", "steps=5", "--training", "batch_size=16", "--settings", SMALL, "--threads", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCIENCEGEN_CACHE", str(folder.parent / "cache"))  # empty: the committed sample is what there is
        result = run("train", "molecules", "--recipe", "conformers", "--data", "qm9", *training, "-o", folder)
    assert result.code == 0, result.err
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SCIENCEGEN_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    assert os.environ["SCIENCEGEN_TOY"]
