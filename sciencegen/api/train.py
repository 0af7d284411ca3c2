"""Train: fit a generative model to prepared data. The same call resumes a training that was stopped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sciencegen.api.models import folder as models
from sciencegen.api.models import identity as training_folder
from sciencegen.api.models.data import (
    TrainingData,
    condition_names,
    fit_representation,
    open_prepared,
    read_prepared,
    read_training_data,
)
from sciencegen.api.models.identity import IDENTITY, clear, defaults_of, identity_of, is_prepared, is_same
from sciencegen.api.models.plan import Plan, check_prior_settings, check_taken, drawing_as, fit_priors, make_plan
from sciencegen.api.models.region import REGION, region_of
from sciencegen.api.science import domain_of
from sciencegen.config import COMPUTE_CHUNK, TrainSettings, build_settings
from sciencegen.data.threads import use_threads
from sciencegen.data.workers import is_refusal
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.files import atomic_write, check_writable, sha256_of
from sciencegen.latent.space import FitsPriors, LatentModel, WeightedModel
from sciencegen.options import takes
from sciencegen.records import Shown, to_plain
from sciencegen.runs import FORMAT_VERSION, RunFolder, run_name
from sciencegen.training.processes import check_follows, silent
from sciencegen.training.progress import Steps
from sciencegen.training.settings import CHECKPOINT

if TYPE_CHECKING:
    from torch import nn

FEW_EFFECTIVE = 100
"""Effective sample size of weighted items below which a note warns that there is little to learn from."""

MOST_JUDGED = 2000
"""Held-out items from which the region of a model is found."""
FEWEST_MEASURED = 64
"""Held-out items that a short training is measured on; a longer one on more, up to `COMPUTE_CHUNK`."""
PER_MEASURED = 32
"""Items of the training's batches for each that is measured: figures take no longer than what they are of."""
SILENCE_S = 3.0
"""Longest time between two lines about the figures."""

Log = Callable[[str], None]


@dataclass(frozen=True)
class Trained(Shown):
    """A finished run folder."""

    SHOWN = "folder", "metrics"
    folder: Path
    metrics: Mapping[str, Any]


@takes(TrainSettings)
def train(
    domain: str,
    data: str | Path | None = None,
    *,
    folder: str | Path | None = None,
    column: str | None = None,
    force: bool = False,
    log: Log = lambda text: None,
    **options: object,
) -> Trained:
    r"""Train a generative model, fine-tune `from_model`, or `distill` it to a faster model.

    Distillation is progressive [1]_. The same call resumes a training that was stopped. Errors are raised before
    anything is written, or else what was written is removed. With `force`, an earlier training is kept until the data
    of the new one are prepared.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    data : str or Path
        A prepared folder, a file, or a dataset's name.
    folder : str or Path, optional
        The run folder; by default `runs/` and a hash of the settings.
    column : str, optional
        The column of items in a table.
    force : bool
        Whether to replace another training in the folder.
    log : callable
        Called with each line of the log.

    Returns
    -------
    Trained
        `folder` and `metrics`.

    Raises
    ------
    ConfigError
        Without data, or for an unknown recipe, condition or setting.
    IncompatibleError
        If the weights of `from_model` don't fit.

    References
    ----------
    .. [1] Salimans and Ho, "Progressive distillation for fast sampling of diffusion models", ICLR 2022.

    Examples
    --------
    >>> import sciencegen as sg
    >>> records = ["MKVLAT", "MKILAT", "MRVLAS", "MKVLGT", "MKVIAT", "MRVLAT", "MKVLAS", "MKILGT"]
    >>> _ = open("family.a2m", "w").write("".join(f">{n}\n{text}\n" for n, text in enumerate(records)))
    >>> trained = sg.train("proteins", "family.a2m", folder="model", settings={"members": 1, "hidden": 8, "latent": 2},
    ...                    training={"steps": 2, "batch_size": 4}, threads=1)
    >>> trained.metrics["items"]
    8
    """
    chosen = build_settings(TrainSettings, options)
    return train_model(domain, data, chosen, folder=folder, column=column, force=force, log=log)


def train_model(
    domain: str, data: str | Path | None, chosen: TrainSettings, *, folder: str | Path | None = None,
    column: str | None = None, force: bool = False, log: Log = lambda text: None,
) -> Trained:  # fmt: skip
    """`train` with a settings record."""
    domain_of(domain)  # raises for an unknown domain, before any other error
    if chosen.model is not None:
        check_taken(chosen)
        return take_model(domain, chosen.model, folder, force)
    if data is None:
        raise ConfigError("Expected data to train on, got none. Pass `data`: a prepared folder, a file or a dataset.")
    identity = identity_of(domain, data, column, chosen) | defaults_of(domain, chosen)
    path = Path(folder or Path("runs") / run_name(identity, domain))
    finished = os.path.isdir(path) and not force and is_same(run := RunFolder(path), identity)
    if finished and run.has(models.WEIGHTS) and models.is_measured(run):
        training_folder.sweep(run)
        log(f"{path} is finished already; `force` trains it again")
        return Trained(path, run.read_json(models.METRICS))
    check_writable(path / IDENTITY, "`output`")
    plan = make_plan(domain, data, column, chosen)
    training_folder.refuse_inputs(path, data, plan.start.folder if plan.start else None)
    run = RunFolder(path)
    with nullcontext() if plan.follows else run.lock():
        if plan.follows:
            check_follows(lambda: _is_begun(run, identity, force), path, plan.training.nodes)
            return _train(plan, run, identity, True, silent)
        going_on = _is_begun(run, identity, force)
        if not going_on:
            training_folder.refuse_taken(run, force, identity)
        return _train(plan, run, identity, going_on, log)


def take_model(domain: str, model: str, folder: str | Path | None, force: bool = False) -> Trained:
    """Load trained weights to check them, and copy them into `folder`, so that a run's folder is complete."""
    loaded = models.load_model(domain, model, "cpu")
    if folder is None or Path(folder).resolve() == loaded.folder.resolve():
        return Trained(loaded.folder, RunFolder(loaded.folder).read_json(models.METRICS))
    check_writable(Path(folder) / models.CONFIG, "`output`")
    run = RunFolder(folder)
    with run.lock():
        training_folder.refuse_taken(run, force)
        clear(run)
        for name in (models.CONFIG, models.REPRESENTATION, models.METRICS, models.CARD, REGION, models.WEIGHTS):
            if (loaded.folder / name).exists():
                with (loaded.folder / name).open("rb") as source, atomic_write(run / name, "wb") as copy:
                    shutil.copyfileobj(source, copy)
        return Trained(run.path, run.read_json(models.METRICS))


def _is_begun(run: RunFolder, identity: Mapping[str, Any], force: bool) -> bool:
    """Whether the same training has something left to do here: steps, or, unless `force` begins anew, figures."""
    return is_same(run, identity) and (not run.has(models.WEIGHTS) or (not force and not models.is_measured(run)))


def _train(plan: Plan, run: RunFolder, identity: Mapping[str, Any], going_on: bool, log: Log) -> Trained:
    """Prepare the data and build the model, then claim the folder and train."""
    use_threads(plan.settings.threads or int(plan.recipe.one_thread))
    before = training_folder.present(run) if going_on else frozenset[str]()
    with open_prepared(plan.domain, plan.data, plan.preparing, run, going_on, log) as prepared:
        conditions = condition_names(prepared, plan.recipe, plan.start, plan.settings)
        if own := [name for name in conditions if name in prepared.summary["columns"]]:
            log(f"columns of the table that become conditions: {', '.join(own)} (`conditions` names others)")
        if plan.halvings and plan.start:
            representation = plan.start.representation
        elif going_on and run.has(models.REPRESENTATION):
            representation = plan.recipe.load_representation(run.read_json(models.REPRESENTATION))
        else:
            representation = fit_representation(prepared, plan.recipe, plan.start, conditions)
        model = _build(plan, representation)
        check_prior_settings(model, plan.settings.finish)
        if not going_on:
            clear(run, plan.data)
            run.write_json(IDENTITY, identity)
    try:
        return _fit(plan, run, model, representation, log)
    except SciencegenError:
        folders = (run.path, *training_folder.halving_folders(run.path))
        begun = any((folder / name).exists() for folder in folders for name in (CHECKPOINT, models.WEIGHTS))
        if not plan.follows and not begun:  # nothing to resume: leave no trace of a refused training
            clear(run, plan.data, kept=before)
        raise


def _fit(plan: Plan, run: RunFolder, model: LatentModel, representation: Representation, log: Log) -> Trained:
    if plan.follows and run.has(models.WEIGHTS):
        raise SystemExit(0)  # the first process computes the figures
    if not plan.halvings and not plan.follows:
        _describe(run, plan, representation, plan.network)
    prepared = read_prepared(plan.data, run, plan.preparing.limit)
    held = read_training_data(prepared, plan.formed, plan.recipe, representation, plan.settings.threads, log, run.path)
    if not is_prepared(plan.data):
        counts = prepared.summary["counts"]
        lost = {name: counts[name] for name in ("duplicates", "refused")}
        held = replace(held, rows=counts["rows"], left_out={**held.left_out, **lost})
    if plan.halvings:
        return _distill(plan, run, model, held, log)
    if run.has(models.WEIGHTS):
        return _measure(run, models.load_model(plan.domain, run.path, "cpu").model, held, plan, log)
    if held.weights is not None and isinstance(model, WeightedModel):
        model.effective_items = worth = float(held.weights.sum())
        if worth < FEW_EFFECTIVE:
            log(f"note: the items count as {worth:.0f} independent ones; a model of so few is unreliable")
    steps = plan.training.steps if plan.recipe.fitted_at_once else _descend(plan, run, model, held, log)
    from sciencegen.training.train import fits_later

    adaptation = plan.recipe.adaptation
    if plan.start is None or adaptation is None or len(held.arrays) >= adaptation.fewest:
        if isinstance(model, FitsPriors) and fits_later(model):
            log(f"fitting what follows the weights, on {len(held.arrays)} items")
        fit_priors(model, held, plan.settings, log, steps, plan.device)
    return _save(run, model, held, plan, log)


def _distill(plan: Plan, run: RunFolder, model: LatentModel, held: TrainingData, log: Log) -> Trained:
    """Distill by repeated halving of the steps. Each student gets a model folder, the last one the training's own."""
    from sciencegen.diffusion.distillation import Distillation

    for steps in plan.halvings:
        last = steps == plan.halvings[-1]
        place = run if last else RunFolder(run / f"{steps}-steps")
        if place.has(models.WEIGHTS):
            model = models.load_model(plan.domain, place.path, "cpu").model
            training_folder.drop_checkpoints(place)  # of a call that was killed before it did so
            if not models.is_measured(place):
                _measure(place, model, held, plan, log)
            continue
        log(f"from {2 * steps} steps to {steps}")
        halving = Distillation(cast("nn.Module", model), steps)
        model = cast(LatentModel, halving.student)
        if not plan.follows:
            _describe(place, plan, held.representation, drawing_as(model, plan.network))
        _descend(plan, place, halving, held, log)
        _save(place, model, held, plan, log)
    return Trained(run.path, run.read_json(models.METRICS))


def _descend(plan: Plan, run: RunFolder, model: LatentModel | nn.Module, held: TrainingData, log: Log) -> int:
    limit = f", at most {plan.training.minutes:g} min" if plan.training.minutes else ""
    log(f"training: {plan.training.steps} steps of {plan.training.batch_size} items{limit}")
    from sciencegen.training.train import train as fit

    steps = fit(
        cast("nn.Module", model), held.batches(plan.training), plan.training, run.path, plan.device, progress=Steps(log)
    )
    if steps < plan.training.steps:
        log(f"the time was over after {steps} of {plan.training.steps} steps")
    return steps


def _build(plan: Plan, representation: Representation) -> LatentModel:
    import torch

    if plan.start is not None and plan.halvings:
        return plan.start.model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.settings.seed)
        if plan.start is None:
            return plan.recipe.build(representation, plan.network)
        assert plan.recipe.adaptation is not None  # checked by `make_plan`
        return plan.recipe.adaptation.adapt(
            plan.start.model, plan.start.representation, representation, plan.network, plan.settings.seed
        )


def _describe(run: RunFolder, plan: Plan, representation: Representation, network: Any) -> None:
    config = {"format_version": FORMAT_VERSION, "domain": plan.domain, "recipe": plan.recipe.name}
    config |= {"settings": to_plain(network)}
    config |= {"training": to_plain(plan.training), "from": plan.settings.from_model, "seed": plan.settings.seed}
    config |= {"halvings": list(plan.halvings)} if plan.halvings else {}
    run.write_yaml(models.CONFIG, config | models.kept_checksums(run))
    run.write_json(models.REPRESENTATION, representation.to_json())


def _save(run: RunFolder, model: LatentModel, held: TrainingData, plan: Plan, log: Log) -> Trained:
    """Write the weights, then the figures."""
    model.to("cpu").eval()
    metrics = {**held.counts, **models.NOT_YET}
    models.save_model(run, model, metrics, domain_of(plan.formed).name, sparse=plan.training.sparsity > 0)
    return _measure(run, model, held, plan, log)


def _measure(run: RunFolder, model: LatentModel, held: TrainingData, plan: Plan, log: Log) -> Trained:
    """Compute the figures of a saved model, and write them with its card."""
    training_folder.drop_checkpoints(run)
    figures = models.measured(lambda: _figures(model, held, plan, log), run, log)
    metrics = {**held.counts, **figures}
    models.write_metrics(run, metrics, domain_of(plan.formed).name)
    if plan.recipe.region is not None and not plan.halvings:
        log("finding what the model was trained on")
        _write_region(run, model, held, plan)
    log(f"model in {run.path}")
    return Trained(run.path, metrics)


def _write_region(run: RunFolder, model: LatentModel, held: TrainingData, plan: Plan) -> None:
    """Write what the model was trained on, by its numbers of held-out items."""
    science, (_, texts, _) = domain_of(plan.formed), held.sample_for_check(MOST_JUDGED)
    items = [item for item in map(science.items.parse, texts) if not is_refusal(item)]
    weights = sha256_of(run / models.WEIGHTS)
    if (found := region_of(plan.recipe, model, held.representation, weights, items)) is not None:
        run.write_json(REGION, found)


def _figures(model: LatentModel, held: TrainingData, plan: Plan, log: Log) -> dict[str, float]:
    from sciencegen.api.models.data import CHUNKS, DRAWS, draws_near

    science = domain_of(plan.formed)
    wanted = plan.training.steps * plan.training.batch_size // PER_MEASURED
    largest = COMPUTE_CHUNK if plan.recipe.fitted_at_once else min(COMPUTE_CHUNK, max(FEWEST_MEASURED, wanted))
    figures = check(model, held, science, plan.recipe, largest, log)
    if plan.start is not None and not plan.halvings:
        count = min(DRAWS, CHUNKS * plan.recipe.cpu_rows)
        log(f"comparing {count} draws with the items")
        draws = draws_near(model, held, science, plan.settings.seed, count)
        figures = {**figures, **draws.metrics()}
        for sentence in draws.sentences(plan.more_steps, count):
            log(sentence)
    return figures


def check(
    model: LatentModel, held: TrainingData, science: Domain, recipe: Recipe, largest: int, log: Log
) -> dict[str, float]:
    """The recipe's own metrics, or reconstruction, on held-out items (on training items if none are held out)."""
    arrays, texts, where = held.sample_for_check(largest)
    if not arrays:
        return {}
    log(f"measuring the model on {len(arrays)} {where.replace('_', '-')} items")
    if recipe.check is not None:
        figures = recipe.check(model, held.representation, arrays)
    else:
        figures = reconstruction(model, held, science, arrays, texts, log)
    return {f"{name}_{where}": value for name, value in figures.items()}


def reconstruction(
    model: LatentModel,
    held: TrainingData,
    science: Domain,
    arrays: Sequence[Any],
    texts: Sequence[str],
    log: Log,
) -> dict[str, float]:
    """Shares of items whose latents decode to the same item (`reconstruction`), and to any item (`decodable`)."""
    from sciencegen.latent.explorer import LatentSpace

    space = LatentSpace(model, held.representation, parse=science.items.parse, text=science.items.text)
    decoded: list[Any] = []
    told = monotonic()
    for start in range(0, len(arrays), space.cpu_rows):
        decoded += space.decode_items(space.encode_arrays(arrays[start : start + space.cpu_rows]))
        if monotonic() - told > SILENCE_S and len(decoded) < len(arrays):
            log(f"measuring: {len(decoded)}/{len(arrays)} items")
            told = monotonic()
    original = [science.items.key(science.items.parse(text)) for text in texts]
    same = [
        not is_refusal(item) and science.items.key(item) == key for item, key in zip(decoded, original, strict=True)
    ]
    valid = [not is_refusal(item) for item in decoded]
    return {"reconstruction": float(np.mean(same)), "decodable": float(np.mean(valid))}
