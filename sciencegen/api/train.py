"""Train: a prepared table to a model folder. The same call goes on where a stopped one was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api import models
from sciencegen.api.records import to_plain, to_record
from sciencegen.api.rooms import domain_of, in_form, use_threads
from sciencegen.api.training_data import TrainingData, open_prepared, read_training_data
from sciencegen.config import COMPUTE_CHUNK, TrainSettings, build_settings
from sciencegen.data.prepared import SUMMARY
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.runs import RunFolder, run_name, sha256_of

FINE_TUNING = {"steps": 100, "learning_rate": 1e-4, "warmup_steps": 10, "batch_size": 64, "checkpoint_every": 50}
"""What `--from` changes of the training defaults: a few hundred items seen twenty times, not learnt by heart."""

FEW = 5_000
"""Fewer items than this don't fit anew what a model fits after its weights (such as a prior): it stays as it was."""

Log = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A finished run folder."""

    folder: Path
    metrics: Mapping[str, Any]


def train(
    domain: str, data: str | Path | None = None, settings: TrainSettings | None = None, *,
    folder: str | Path | None = None, column: str | None = None, force: bool = False, log: Log = lambda text: None,
    **flags: Any,
) -> Trained:  # fmt: skip
    """Train a generative model on a prepared dataset, a file or a dataset card; or adapt the weights of `from`."""
    chosen = settings or build_settings(TrainSettings, flags)
    if chosen.model is not None:
        return take_model(domain, chosen.model, folder, force)
    if data is None:
        raise ConfigError("Expected data to train on, got none. Pass --data: a prepared folder, a file or a dataset.")
    identity = {"domain": domain, "data": _data_identity(data), "train": _identity(chosen)}
    run = RunFolder(folder or Path("runs") / run_name(identity, domain))
    with run.lock():
        if force and (run.has(models.WEIGHTS) or not _same(run, identity)):
            _clear(run, data)
        if run.has(models.WEIGHTS) and _same(run, identity):
            log(f"{run.path} is finished already; --force trains it anew")
            return Trained(run.path, run.read_json(models.METRICS))
        if run.has("train.json") and not _same(run, identity):
            raise ConfigError(f"{run.path} holds another training. Pass --force to start anew, or another -o.")
        training = _training_settings(chosen)
        run.write_json("train.json", identity)
        try:
            return _train(domain, data, chosen, training, run, column, log)
        except SciencegenError:
            if not run.has("checkpoints"):  # nothing to go on from: what was refused claims no folder
                _clear(run, data)
            raise


def take_model(domain: str, model: str, folder: str | Path | None, force: bool = False) -> Trained:
    """Copy trained weights as they are, so that a run's folder is complete; checked by loading them."""
    loaded = models.load_model(domain, model, "cpu")
    if folder is None:
        return Trained(loaded.folder, RunFolder(loaded.folder).read_json(models.METRICS))
    run = RunFolder(folder)
    if run.has(models.WEIGHTS) and not force:
        raise ConfigError(f"{run.path} holds a model. Pass --force to overwrite it, or another -o.")
    names = (models.CONFIG, models.REPRESENTATION, models.METRICS, models.CARD, models.WEIGHTS)
    for name in names:
        if (loaded.folder / name).exists():
            shutil.copyfile(loaded.folder / name, run / name)
    return Trained(run.path, run.read_json(models.METRICS))


def _training_settings(settings: TrainSettings) -> Any:
    """How long and how, checked."""
    from sciencegen.training import TrainingSettings

    defaults = {**(FINE_TUNING if settings.from_model else {}), **settings.training, "seed": settings.seed}
    return to_record(TrainingSettings, defaults, "training")


def _identity(settings: TrainSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude={"device", "threads", "batch_size"})


def _data_identity(data: str | Path) -> dict[str, str]:
    """The name, and the checksum of what a prepared folder says of itself or of the file."""
    path = Path(data) / SUMMARY if (Path(data) / SUMMARY).is_file() else Path(data)
    return {"name": str(data), **({"sha256": sha256_of(path)} if path.is_file() else {})}


def _same(run: RunFolder, identity: Mapping[str, Any]) -> bool:
    return run.has("train.json") and run.read_json("train.json") == json.loads(json.dumps(identity))


def _clear(run: RunFolder, data: str | Path) -> None:
    """Everything that another training left, what it prepared included."""
    for name in ("train.json", "log.csv", models.WEIGHTS, models.REPRESENTATION, models.CONFIG, models.METRICS):
        (run / name).unlink(missing_ok=True)
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    if Path(data).resolve() != (run.path / "data").resolve():
        shutil.rmtree(run.path / "data", ignore_errors=True)


def _train(
    domain: str, data: str | Path, settings: TrainSettings, training: Any, run: RunFolder, column: str | None, log: Log
) -> Trained:
    from sciencegen.training.train import train as fit

    use_threads(settings.threads)
    device = models.resolve_device(settings.device)
    start = models.load_model(domain, settings.from_model, "cpu") if settings.from_model else None
    recipe = models.find_recipe(domain_of(domain), str(start.config["recipe"]) if start else settings.recipe)
    formed = in_form(domain, recipe.form)
    prepared = open_prepared(domain, recipe.form, data, run.path / "data", settings, column, log)
    held = read_training_data(prepared, formed, recipe, start, settings, run, log)
    model = _build(recipe, held, start, settings)
    _write_config(run, domain, recipe, model_settings(recipe, start, settings), training, settings)
    fit(model, held.batches(training), training, run.path, device, progress=_progress(log))
    if start is None or len(held.arrays) >= FEW:
        _finish(model, held, settings)
    return _save(run, model, held, domain_of(formed), recipe, log)


def model_settings(recipe: Any, start: models.LoadedModel | None, settings: TrainSettings) -> Any:
    """The recipe's settings: those of the weights that training starts from, and the user's over them."""
    base = dict(start.config.get("settings") or {}) if start else {}
    if start and settings.settings:
        raise ConfigError(f"Expected no --set with --from (the network is given), got {sorted(settings.settings)}.")
    return models.recipe_settings(recipe, {**base, **settings.settings})


def _build(recipe: Any, held: TrainingData, start: models.LoadedModel | None, settings: TrainSettings) -> Any:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if start is None:
            return recipe.build(held.representation, model_settings(recipe, None, settings))
        return recipe.adapt(start.model, start.representation, held.representation, settings.seed)


def _write_config(
    run: RunFolder, domain: str, recipe: Any, network: Any, training: Any, settings: TrainSettings
) -> None:
    config = models.model_config(domain, recipe.name, network)
    config |= {"training": to_plain(training), "from": settings.from_model, "seed": settings.seed}
    run.write_yaml(models.CONFIG, config)


def _progress(log: Log) -> Callable[[int, int, dict[str, float]], None]:
    def show(step: int, total: int, terms: dict[str, float]) -> None:
        log(f"step {step}/{total}  " + "  ".join(f"{name} {value:.4g}" for name, value in terms.items()))

    return show


def _finish(model: Any, held: TrainingData, settings: TrainSettings) -> None:
    """What a model fits after its weights are trained, such as a prior over its latents."""
    if not hasattr(model, "finish"):
        if settings.finish:
            raise ConfigError(f"Expected no `finish` for this recipe, got {sorted(settings.finish)}.")
        return
    import torch

    model.to("cpu")
    try:
        model.finish(held.once(), torch.Generator().manual_seed(settings.seed), **settings.finish)
    except TypeError as error:
        raise ConfigError(
            f"Expected settings of the last fit in `finish`, got {sorted(settings.finish)}: {error}"
        ) from None


def _save(run: RunFolder, model: Any, held: TrainingData, science: Any, recipe: Any, log: Log) -> Trained:
    """Metrics, card, and the weights last."""
    from safetensors.torch import save as to_bytes

    from sciencegen.files import atomic_write

    model.to("cpu").eval()
    metrics = {"items": len(held.arrays), "refused": held.refused, **check(model, held, science, recipe)}
    run.write_json(models.METRICS, metrics)
    rows = "\n".join(f"- {name}: {value}" for name, value in metrics.items())
    run.write_text(models.CARD, f"# A model of {science.name}\n\nSettings in `{models.CONFIG}`. Measured:\n\n{rows}\n")
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with atomic_write(run / models.WEIGHTS, "wb") as file:
        file.write(to_bytes(state))
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    log(f"model in {run.path}")
    return Trained(run.path, metrics)


def check(model: Any, held: TrainingData, science: Any, recipe: Any, largest: int = COMPUTE_CHUNK) -> dict[str, float]:
    """The recipe's own figures, else reconstruction, of held-out items (of training items where none are held out)."""
    arrays, texts, where = held.sample_for_check(largest)
    if not arrays:
        return {}
    if recipe.check is not None:
        return {f"{name}_{where}": value for name, value in recipe.check(model, held.representation, arrays).items()}
    return {f"{name}_{where}": value for name, value in reconstruction(model, held, science, arrays, texts).items()}


def reconstruction(
    model: Any, held: TrainingData, science: Any, arrays: Sequence[Any], texts: Sequence[str]
) -> dict[str, float]:
    """The shares of these items that come back the same, and as an item at all."""
    from sciencegen.latent.explorer import LatentSpace, is_refusal

    space = LatentSpace(model, held.representation, science.parse, science.text)
    decoded = space.decode_items(space.encode_arrays(arrays))
    original = [science.key(science.parse(text)) for text in texts]
    same = [not is_refusal(item) and science.key(item) == key for item, key in zip(decoded, original, strict=True)]
    valid = [not is_refusal(item) for item in decoded]
    return {"reconstruction": float(np.mean(same)), "decodable": float(np.mean(valid))}


Batches = Callable[[int], Iterator[Any]]
