"""The identity of a training and the files that it owns in its folder, so that no foreign file is removed or used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from sciencegen.api.models.folder import CARD, CONFIG, METRICS, REPRESENTATION, WEIGHTS, find_model, find_recipe
from sciencegen.api.models.region import REGION
from sciencegen.api.science import domain_of
from sciencegen.api.sources.tables import find_card, is_folder_of, uses_sample
from sciencegen.config import FamilyMeasurements, PredictorSettings, Reading, TrainSettings
from sciencegen.data.prepared import SUMMARY
from sciencegen.errors import ConfigError, IncompatibleError
from sciencegen.files import abandoned, sha256_of, temporary_sibling
from sciencegen.items import Json
from sciencegen.records import to_plain
from sciencegen.runs import LOCK, RunFolder
from sciencegen.training.settings import CHECKPOINT, PROCESSES

IDENTITY, LOG, DATA = "train.json", "log.csv", "data"
"""Files of the identity, the log and the prepared data."""

MADE = (WEIGHTS, METRICS, CARD, REGION, CONFIG, REPRESENTATION, LOG, CHECKPOINT)
"""Files of a training besides its identity. Weights are removed first, because they are written last."""

LATER = ("distill", "teacher_steps", "measured", "target")
"""Settings that earlier versions didn't have. They belong to the identity only if they are set."""

LATER_OF_NETWORKS = {
    "posterior": "gaussian", "importance_samples": 1, "semi_supervised": False, "label_weight": 1.0,
    "latent_prior": "flow", "step_noise": 1.0, "self_conditioning": 0.0, "condition_bias": {},
    "excluded_volume": True, "smoothing": 0.0, "pure_noise": False, "correlated_noise": True,
    "profiles": 0, "texture": 0, "structure": {"shape": "linear", "steps": 10_000, "start": 3000.0, "end": 300.0},
    "drawn_similarity": 1.0, "schedule": "", "latent_diffusion": {},
}  # fmt: skip
"""Network settings that earlier versions didn't have, with equivalent values: these are left out of the identity."""


def identity_of(domain: str, data: str | Path, column: str | None, settings: TrainSettings | PredictorSettings) -> Json:
    """Everything that the trained weights depend on, except for devices, nodes and threads."""
    apart = {"device", "threads", "batch_size", *Reading.__annotations__}
    chosen = settings.model_dump(mode="json", exclude=apart)
    chosen = {name: value for name, value in chosen.items() if value is not None or name not in LATER}
    chosen = _without_processes(chosen)
    identity = {"domain": domain, "data": _data_identity(domain, data, column, settings), "train": chosen}
    start = settings.from_model if isinstance(settings, TrainSettings) else None
    return identity if start is None else identity | {"from": weights_of(domain, start)}


def _without_processes(chosen: Mapping[str, Json]) -> dict[str, Json]:
    """Settings without those of where a training runs; of networks that predict, `settings` hold those of training."""
    found = dict(chosen)
    for name in ("training", "settings"):
        if isinstance(below := found.get(name), Mapping):
            found[name] = _without_processes(
                {key: value for key, value in below.items() if name != "training" or key not in PROCESSES}
            )
    return found


def defaults_of(domain: str, settings: TrainSettings) -> Json:
    """Defaults of training and network, for recipes with their own training defaults, as versions may change them."""
    if settings.from_model or not (recipe := find_recipe(domain_of(domain), settings.recipe)).training:
        return {}
    network = _without_later(to_plain(recipe.settings()))
    return {"defaults": {"training": dict(recipe.training), "network": network}}


def _without_later(settings: Mapping[str, Json]) -> dict[str, Json]:
    """Settings, and those nested in them, without `LATER_OF_NETWORKS`."""
    return {
        name: _without_later(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if LATER_OF_NETWORKS.get(name, ...) != value
    }


def weights_of(domain: str, model: str) -> str:
    """The checksum of the start weights, since the same folder may hold other weights later."""
    weights = find_model(domain, model) / WEIGHTS
    return sha256_of(weights) if weights.is_file() else ""


def _data_identity(domain: str, data: str | Path, column: str | None, reading: Reading) -> Json:
    """The name of the data, with the checksum of the file, of a folder's files or of a prepared dataset's summary; for
    a card, whether the sample is used."""
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
    except OSError:  # a long sequence is no valid file name
        return False


def is_prepared(data: str | Path) -> bool:
    """Whether this is the folder of a prepared dataset."""
    return (Path(data) / SUMMARY).is_file()


def is_same(run: RunFolder, identity: Mapping[str, object]) -> bool:
    """Whether the folder belongs to a training with this identity, finished or not."""
    if not run.has(IDENTITY):
        return False
    return _comparable(run) == json.loads(json.dumps(identity))


def _comparable(run: RunFolder) -> dict[str, object]:
    """The identity in a folder without the number of devices, which version 0.3 and earlier kept."""
    found = dict(_read_identity(run))
    if isinstance(trained := found["train"], Mapping):
        found["train"] = _without_processes(trained)
    return found


def _read_identity(run: RunFolder) -> Json:
    found = run.read_json(IDENTITY)
    if not isinstance(found, dict) or "train" not in found or not isinstance(found.get("data"), dict):
        raise IncompatibleError(
            f"Expected a training in {run / IDENTITY}, found something else. Pass another `output`."
        )
    return found


def differences(found: object, asked: object, name: str = "") -> list[str]:
    """Settings in which two identities differ, each with its value in both; a checksum is cut to eight digits."""
    if isinstance(found, Mapping) and isinstance(asked, Mapping):
        within = [
            differences(found.get(key), asked.get(key), f"{name}.{key}".strip("."))
            for key in dict.fromkeys([*found, *asked])
        ]
        return [line for lines in within for line in lines]
    if found == asked:
        return []
    cut = name.endswith(("sha256", "from"))
    there, here = (value[:8] if cut and isinstance(value, str) else json.dumps(value)[:60] for value in (found, asked))
    return [f"{name.removeprefix('train.')} {there}, not {here}"]


def refuse_taken(run: RunFolder, force: bool, asked: Mapping[str, object] | None = None) -> None:
    """Raise an error if the folder holds something else than the training that is asked for, unless `force`."""
    held = _comparable(run) if run.has(IDENTITY) else None  # raises for a foreign file: it must not be overwritten
    if force:
        return
    if held is not None:
        named = [] if asked is None else differences(held, json.loads(json.dumps(asked)))[:3]
        what = ": ".join(["another training", *(["; ".join(named)] if named else [])])
        raise ConfigError(f"{run.path} holds {what}. Pass `force` to replace it, or another `output`.")
    if found := [name for name in MADE if run.has(name)] + [folder.name for folder in halving_folders(run.path)]:
        raise ConfigError(
            f"Expected no other model's files in {run.path}, found {', '.join(found)}. "
            "Pass `force` to overwrite them, or another `output`."
        )


def refuse_inputs(folder: Path, data: str | Path, start: Path | None) -> None:
    """Raise an error for an input in a place that training overwrites, except the folder's own prepared dataset."""
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
    """Whether the training in this folder prepared the dataset in it, not the user: it has the same source."""
    if not run.has(IDENTITY, f"{DATA}/{SUMMARY}"):
        return False
    summary = run.read_json(f"{DATA}/{SUMMARY}")
    return isinstance(summary, dict) and summary.get("source") == _read_identity(run)["data"].get("name")


def data_of(folder: Path) -> str | None:
    """The prepared dataset that the model in this folder was trained on; None if it is missing or changed."""
    run = RunFolder(folder, create=False)
    if not run.has(IDENTITY):
        return None
    data = _read_identity(run)["data"]
    if has_own_data(run):
        return str(run / DATA)
    name = str(data.get("name"))
    return name if is_prepared(name) and data.get("sha256") == sha256_of(Path(name) / SUMMARY) else None


def clear(run: RunFolder, data: str | Path | None = None, kept: Collection[str] = ()) -> None:
    """Remove the files of a training, except those in `kept` and the input `data`. The identity is removed last."""
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
    for left in abandoned(run / DATA):  # by a call that was killed below
        shutil.rmtree(left, ignore_errors=True)
    if DATA not in kept and not is_input and has_own_data(run):
        # renamed first, so that a kill leaves it complete or gone
        shutil.rmtree((run / DATA).rename(temporary_sibling(run / DATA)))
    if IDENTITY not in kept:
        (run / IDENTITY).unlink(missing_ok=True)


def drop_checkpoints(run: RunFolder) -> None:
    """Remove the checkpoint, incomplete ones of killed calls, and their folder if it is empty then."""
    folder, name = (run / CHECKPOINT).parent, (run / CHECKPOINT).name
    for path in (folder / name, *folder.glob(f".{name}.*.tmp")):
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def sweep(run: RunFolder) -> None:
    """Remove what is left by a call that was killed after it wrote the weights, unless another call works here."""
    if run.has(LOCK) or run.has(CHECKPOINT):
        with suppress(ConfigError, OSError), run.lock():  # a finished folder may be read-only
            drop_checkpoints(run)


def present(run: RunFolder) -> frozenset[str]:
    """Names of the files and folders of a training that exist."""
    halvings = (folder.name for folder in halving_folders(run.path))
    return frozenset([*(name for name in (IDENTITY, *MADE, DATA) if run.has(name)), *halvings])


def halving_folders(folder: Path) -> list[Path]:
    """Existing folders of a distillation's intermediate models. A folder with an identity is another training of the
    user."""
    found = sorted(folder.glob("*-steps"))
    return [path for path in found if (path / CONFIG).is_file() and not (path / IDENTITY).exists()]
