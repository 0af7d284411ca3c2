"""Folders that sciencegen wrote: models, predictors, runs, prepared data; and files of latents."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from sciencegen.api.models.completion import read_latents
from sciencegen.api.models.folder import KEY, load_model, with_checksums
from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.report import report
from sciencegen.api.sources.tables import read_texts
from sciencegen.data.prepared import PreparedDataset
from sciencegen.files import sha256_of
from sciencegen.runs import RunFolder
from tests.damaged_documents import files_of
from tests.fuzz.cases import Border, Found, Source

OLD = Path(__file__).parents[2] / "old_artefacts" / "0.1.0"
MODELS = {
    "joint/model": "molecules",
    "variants/model": "proteins",
    "family/model": "proteins",
    "stamps/model": "galaxies",
}
PREDICTORS = {
    "run/proteins/short/predictors/value": "proteins", "stamp-predictor/predictor": "galaxies",
    "structure-predictor/predictor": "molecules",
}  # fmt: skip
RUN, PREPARED = "run/proteins/short", "prepared/data"
LATENT = 4


def files_below(folders: Mapping[str, str], left_out: tuple[str, ...] = (".html", ".md")) -> Mapping[str, Source]:
    """Every file of these folders of old artefacts; `more` is the folder."""
    return {
        f"{folder}/{name}": Source(f"{folder}/{name}", (OLD / folder / name).read_bytes(), more=folder)
        for folder in folders
        for name in files_of(OLD / folder)
        if Path(name).suffix not in left_out
    }


def copying(folders: Mapping[str, str], checked: bool = False) -> Callable[[Path], None]:
    def copy(place: Path) -> None:
        for folder in folders:
            shutil.copytree(OLD / folder, place / folder)
        if checked:  # one of them has checksums, as those that are trained today
            run = RunFolder(place / next(iter(folders)))
            digests = {name: sha256_of(run / name) for name in ("representation.json", "weights.safetensors")}
            plain = {key: value for key, value in run.read_yaml("config.yaml").items() if key != KEY}
            run.write_yaml("config.yaml", with_checksums(plain, digests))

    return copy


def folder_of(path: Path, source: Source) -> Path:
    return Path(str(path).removesuffix(source.name)) / source.more


def use_model(path: Path, source: Source) -> Found:
    load_model(MODELS[source.more], folder_of(path, source), "cpu")
    return Found(1)


def use_predictor(path: Path, source: Source) -> Found:
    load_predictor(PREDICTORS[source.more], folder_of(path, source))
    return Found(1)


def use_run(path: Path, source: Source) -> Found:
    folder = folder_of(path, source)
    try:
        report(folder)
    finally:
        (folder / "report.html").unlink(missing_ok=True)
    return Found(1)


def use_prepared(path: Path, source: Source) -> Found:
    folder = folder_of(path, source)
    data = PreparedDataset.load(folder)
    for split in (None, *data.splits):
        texts, names, values = list(data.items(split)), list(data.names(split)), data.values(split)
        assert len(texts) == len(names) == len(values) == data.count(split)
        assert all(isinstance(one, str) for one in [*texts, *names])
        if data.encoded:
            data.tokens(split)
    return Found(sum(1 for _ in read_texts("molecules", str(folder))))


@cache
def latents() -> Mapping[str, Source]:
    array = np.random.default_rng(0).normal(size=(6, LATENT)).astype(np.float32)
    found = {}
    for name, save, how in (
        ("z.npz", np.savez, {"latent": array}),
        ("packed.npz", np.savez_compressed, {"latent": array, "index": np.arange(6)}),
    ):
        buffer = io.BytesIO()
        save(buffer, **how)
        found[name] = Source(name, buffer.getvalue(), 6)
    buffer = io.BytesIO()
    np.save(buffer, array)
    return found | {"z.npy": Source("z.npy", buffer.getvalue(), 6)}


def use_latents(path: Path, source: Source) -> Found:
    found = read_latents(path, LATENT)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    return Found(len(found))


BORDERS = (
    Border("models", lambda: files_below(MODELS), use_model, copying(MODELS, checked=True), 0.08),
    Border("predictors", lambda: files_below(PREDICTORS), use_predictor, copying(PREDICTORS), 0.06),
    Border("runs", lambda: files_below({RUN: "proteins"}), use_run, copying({RUN: "proteins"}), 0.01),
    Border("prepared", lambda: files_below({PREPARED: ""}), use_prepared, copying({PREPARED: ""}), 0.06),
    Border("latents", latents, use_latents, share=0.05),
)
