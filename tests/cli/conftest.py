"""A trained toy model, and the command line in this process."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sciencegen.cli.main import main
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.domains.proteins.items import decode_rows
from tests.domains.proteins.backbones.random_weights import no_weights, random_weights  # noqa: F401
from tests.domains.proteins.examples import family
from tests.shared import made_once
from tests.toy import write_clouds


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def run(*arguments: object, stdin: bytes = b"") -> Result:
    """`sciencegen <arguments>` without a new process."""
    out, err, before = io.StringIO(), io.StringIO(), (sys.argv, sys.stdin)
    sys.argv = ["sciencegen", *map(str, arguments)]
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)))  # type: ignore[arg-type]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(own_process=False)
    finally:
        sys.argv, sys.stdin = before
    return Result(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as handle:
        return list(csv.DictReader(handle))


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
    return Workspace(made_once(tmp_path_factory, "toy", make_workspace))


def make_workspace(folder: Path) -> None:
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


@pytest.fixture(scope="session")
def toy_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small diffusion of the toy domain's arrays, conditioned on their radius."""
    return made_once(tmp_path_factory, "toy-diffusion", make_toy_diffusion) / "model"


def make_toy_diffusion(folder: Path) -> None:
    write_clouds(folder / "clouds.csv", 600)
    training = ("--training", "steps=600", "--training", "learning_rate=0.003", "--training", "batch_size=64")
    data = ("--data", folder / "clouds.csv", "--recipe", "diffusion", "-o", folder / "model", "--threads", 1)
    result = run("train", "pointclouds", *data, *training, "--training", "warmup_steps=5")
    assert result.code == 0, result.err


SMALL = "{settings: {network: {width: 32, pair_width: 8, layers: 2, heads: 2, vectors: 2, radial: 8, context: 16}}}"


@pytest.fixture(scope="session")
def conformers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small, hardly trained model of coordinates, with the data that it prepared."""
    return made_once(tmp_path_factory, "conformers", make_conformers) / "model"


def make_conformers(folder: Path) -> None:
    training = ("--training", "steps=5", "--training", "batch_size=16", "--settings", SMALL, "--threads", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCIENCEGEN_CACHE", str(folder / "cache"))  # empty: the committed sample is what there is
        result = run("train", "molecules", "--recipe", "conformers", "--data", "qm9", *training, "-o", folder / "model")
    assert result.code == 0, result.err


@pytest.fixture(scope="session")
def family_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model of a family of proteins in which half of the columns never change."""
    return made_once(tmp_path_factory, "family", make_family_model) / "model"


def make_family_model(folder: Path) -> None:
    rows = family(np.random.default_rng(0), 400, 30)
    rows[:, ::2] = rows[0, ::2]
    names = ["FOCUS/5-34", *(f"r{number}" for number in range(1, 400))]
    records = zip(names, decode_rows(rows), strict=True)
    (folder / "family.a2m").write_text("".join(f">{name}\n{text}\n" for name, text in records))
    small = "{settings: {members: 2, hidden: 32, latent: 4}}"
    result = run(
        "train", "proteins", "--recipe", "alignment-vae", "--data", folder / "family.a2m", "-o", folder / "model",
        "--training", "steps=150", "--training", "warmup_steps=5", "--settings", small, "--threads", 1,
    )  # fmt: skip
    assert result.code == 0, result.err


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SCIENCEGEN_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    assert os.environ["SCIENCEGEN_TOY"]


TINY = """{
    settings: {
        code: 4, pyramid: {width: 4, multipliers: [1, 2], known: 8}, flow_layers: 2, flow_width: 8, wish_layers: 2,
        wish_width: 8, corrections: 0,
    },
    training: {steps: 8, batch_size: 8, log_every: 1, warmup_steps: 1},
    finish: {steps: 4},
    conditions: [flux],
}"""


@pytest.fixture(scope="session")
def galaxy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of galaxies: of 24 stamps of 32 pixels."""
    return made_once(tmp_path_factory, "stamps", make_galaxy_model) / "model"


def make_galaxy_model(place: Path) -> None:
    made = [one.observed for one in simulate(SurveySettings(side=32), 0, 0, 24)]
    DOMAIN.items.write(place / "stamps.fits", made, [one.name for one in made], {})
    learn = ("--data", place / "stamps.fits", "--settings", TINY, "--threads", 1)
    result = run("train", "galaxies", "--recipe", "stamp-vae", *learn, "-o", place / "model")
    assert result.code == 0, result.err
