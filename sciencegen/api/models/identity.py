"""Whose a training's folder is: what in it a training made, so that no file of anybody else is taken for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from sciencegen.api.models.folder import CARD, CONFIG, METRICS, REPRESENTATION, WEIGHTS, find_model, find_recipe
from sciencegen.api.science.forms import domain_of
from sciencegen.api.sources.datasets import find_card, is_folder_of, uses_sample
from sciencegen.config import FamilyMeasurements, PredictorSettings, Reading, TrainSettings
from sciencegen.data.prepared import SUMMARY
from sciencegen.errors import ConfigError, IncompatibleError
from sciencegen.files import sha256_of, temporary_sibling
from sciencegen.items import Json
from sciencegen.records import to_plain
from sciencegen.runs import RunFolder
from sciencegen.training.settings import CHECKPOINT

IDENTITY, LOG, DATA = "train.json", "log.csv", "data"
"""Which training it is; how it went; what it prepared."""

MADE = (WEIGHTS, METRICS, CARD, CONFIG, REPRESENTATION, LOG, CHECKPOINT)
"""What a training leaves beside its identity. The weights are first to go, as they are the last to come."""

LATER = ("distill", "teacher_steps", "measured", "target")
"""Settings that trainings of before didn't have: not given, they are no part of an identity."""

LATER_OF_NETWORKS = {
    "posterior": "gaussian", "importance_samples": 1, "semi_supervised": False, "label_weight": 1.0,
    "latent_prior": "flow",
}  # fmt: skip
"""Settings of networks that version 0.1.0 didn't have, and its values: with these a training is the one it was."""


def identity_of(domain: str, data: str | Path, column: str | None, settings: TrainSettings | PredictorSettings) -> Json:
    """Everything that the trained weights depend on, but for the device and the threads."""
    apart = {"device", "threads", "batch_size", *Reading.__annotations__}
    chosen = settings.model_dump(mode="json", exclude=apart)
    chosen = {name: value for name, value in chosen.items() if value is not None or name not in LATER}
    identity = {"domain": domain, "data": _data_identity(domain, data, column, settings), "train": chosen}
    start = settings.from_model if isinstance(settings, TrainSettings) else None
    return identity if start is None else identity | {"from": _weights_of(domain, start)}


def defaults_of(domain: str, settings: TrainSettings) -> Json:
    """Of a recipe with training defaults of its own these and its network's, which another version may choose anew."""
    if settings.from_model or not (recipe := find_recipe(domain_of(domain), settings.recipe)).training:
        return {}
    defaults = to_plain(recipe.settings()).items()
    network = {name: value for name, value in defaults if LATER_OF_NETWORKS.get(name, ...) != value}
    return {"defaults": {"training": dict(recipe.training), "network": network}}


def _weights_of(domain: str, model: str) -> str:
    """The checksum of weights that a training starts from: their folder's name may come to hold others."""
    weights = find_model(domain, model) / WEIGHTS
    return sha256_of(weights) if weights.is_file() else ""


def _data_identity(domain: str, data: str | Path, column: str | None, reading: Reading) -> Json:
    """The name, and the checksum of a file, of a folder of such or of what a prepared folder says of itself, or which
    rows of a card."""
    name = {"name": str(data)}
    if reading.wild_type:
        file = Path(reading.wild_type)
        name["wild_type"] = sha256_of(file) if _is_file(file) else reading.wild_type
    if isinstance(reading, FamilyMeasurements) and reading.measured and _is_file(Path(reading.measured)):
        name["measured"] = sha256_of(reading.measured)
    cut = {} if reading.limit is None else {"limit": reading.limit}
    if is_prepared(data):
        return name | {"sha256": sha256_of(Path(data) / SUMMARY)} | cut
    if Path(data).is_file() or is_folder_of(domain_of(domain), str(data)):
        return name | {"sha256": sha256_of(data), "column": column} | cut
    sample = uses_sample(find_card(domain, str(data))[0], reading.sample)
    return name | {"sample": sample, "column": column} | cut


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a long sequence is no name of a file
        return False


def is_prepared(data: str | Path) -> bool:
    """Whether this is the folder of a prepared dataset."""
    return (Path(data) / SUMMARY).is_file()


def is_same(run: RunFolder, identity: Mapping[str, object]) -> bool:
    """Whether the folder is this very training's, finished or not."""
    return run.has(IDENTITY) and _read_identity(run) == json.loads(json.dumps(identity))


def _read_identity(run: RunFolder) -> Json:
    found = run.read_json(IDENTITY)
    if not isinstance(found, dict) or "train" not in found or not isinstance(found.get("data"), dict):
        raise IncompatibleError(
            f"Expected a training in {run / IDENTITY}, found something else. Pass another `output`."
        )
    return found


def refuse_taken(run: RunFolder, force: bool) -> None:
    """An error for a folder that holds something else, unless that may be overwritten."""
    if run.has(IDENTITY):
        _read_identity(run)  # a file of somebody else is none to overwrite
    if force:
        return
    if run.has(IDENTITY):
        raise ConfigError(f"{run.path} holds another training. Pass `force` to start anew, or another `output`.")
    if found := [name for name in MADE if run.has(name)] + [folder.name for folder in halving_folders(run.path)]:
        raise ConfigError(
            f"Expected no other model's files in {run.path}, found {', '.join(found)}. "
            "Pass `force` to overwrite them, or another `output`."
        )


def refuse_inputs(folder: Path, data: str | Path, start: Path | None) -> None:
    """An error for an input that lies where the training writes, the folder's prepared dataset itself apart."""
    place, written = Path(data).resolve(), [(folder / name).resolve() for name in (IDENTITY, *MADE, DATA)]
    if any(place.is_relative_to(name) for name in written) and not (place == written[-1] and is_prepared(place)):
        raise ConfigError(
            f"Expected data where {folder} isn't written, got {data}. Pass another `output`, or move them."
        )
    models = [folder.resolve(), *(made.resolve() for made in halving_folders(folder))]
    if start is not None and start.resolve() in models:
        raise ConfigError(
            f"Expected another folder than that of the weights to start from, got {folder}. Pass `output`."
        )


def has_own_data(run: RunFolder) -> bool:
    """Whether the training in this folder prepared the dataset in it; a user's own is called by another name."""
    if not run.has(IDENTITY, f"{DATA}/{SUMMARY}"):
        return False
    summary = run.read_json(f"{DATA}/{SUMMARY}")
    return isinstance(summary, dict) and summary.get("source") == _read_identity(run)["data"].get("name")


def data_of(folder: Path) -> str | None:
    """The prepared dataset that a model in this folder was trained on, where it is still there as it was."""
    run = RunFolder(folder, create=False)
    if not run.has(IDENTITY):
        return None
    data = _read_identity(run)["data"]
    if has_own_data(run):
        return str(run / DATA)
    name = str(data.get("name"))
    return name if is_prepared(name) and data.get("sha256") == sha256_of(Path(name) / SUMMARY) else None


def clear(run: RunFolder, data: str | Path | None = None, kept: Collection[str] = ()) -> None:
    """Remove what a training made here, without what is `kept` or is itself the `data`. Its identity goes last."""
    is_input = data is not None and Path(data).resolve() == (run / DATA).resolve()
    for name in MADE:
        if name not in kept and name != CHECKPOINT:
            (run / name).unlink(missing_ok=True)
    if CHECKPOINT not in kept:
        drop_checkpoints(run)
    for folder in halving_folders(run.path):
        if folder.name not in kept:
            clear(RunFolder(folder))
            if not any(folder.iterdir()):
                folder.rmdir()
    if DATA not in kept and not is_input and has_own_data(run):
        left = (run / DATA).rename(temporary_sibling(run / DATA))  # a kill leaves it whole or gone
        shutil.rmtree(left)
    if IDENTITY not in kept:
        (run / IDENTITY).unlink(missing_ok=True)


def drop_checkpoints(run: RunFolder) -> None:
    """Remove the checkpoint, half-written ones of killed calls, and their folder if nothing else lies in it."""
    folder, name = (run / CHECKPOINT).parent, (run / CHECKPOINT).name
    for path in (folder / name, *folder.glob(f".{name}.*.tmp")):
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def present(run: RunFolder) -> frozenset[str]:
    """What of a training is here."""
    halvings = (folder.name for folder in halving_folders(run.path))
    return frozenset([*(name for name in (IDENTITY, *MADE, DATA) if run.has(name)), *halvings])


def halving_folder(folder: Path, steps: int) -> Path:
    """Where a distillation leaves the model of `steps` steps that it makes on its way: a model folder in its own."""
    return folder / f"{steps}-steps"


def halving_folders(folder: Path) -> list[Path]:
    """Those that are here; what a user trained to such a place has an identity of its own."""
    found = sorted(folder.glob("*-steps"))
    return [path for path in found if (path / CONFIG).is_file() and not (path / IDENTITY).exists()]


def has_begun(run: RunFolder) -> bool:
    """Whether there is anything to go on from."""
    folders = (run.path, *halving_folders(run.path))
    return any((folder / name).exists() for folder in folders for name in (CHECKPOINT, WEIGHTS))
