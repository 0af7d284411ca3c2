"""Trained models: find the folder of a name, and load and save folders."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.api.science import (
    Encode,
    LeftOut,
    NameSuffixes,
    constraint_of,
    domain_of,
    in_form,
    name_of_results,
)
from sciencegen.config import Resources
from sciencegen.data.damage import reason_of
from sciencegen.data.prepared import pack
from sciencegen.data.threads import inference_threads, worker_count
from sciencegen.data.workers import is_refusal, map_killable
from sciencegen.data.writers import Refused, StoredItems
from sciencegen.domains import domain_names, recipes
from sciencegen.domains.base import Domain
from sciencegen.domains.given import item_texts, object_of
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError, IncompatibleError, converted, unknown_name
from sciencegen.files import atomic_write, sha256_of
from sciencegen.items import Item, Json, Reference, Refusal, Row
from sciencegen.latent.space import LatentModel
from sciencegen.records import ledger, to_record
from sciencegen.runs import RunFolder, canonical_json, check_format
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import Tensor

    from sciencegen.latent.explorer import LatentSpace


# Checksums of a model's settings, representation and weights in its `config.yaml`: changed ones are not loaded.

KEY = "sha256"
SETTINGS = "settings"


def settings_sha256(config: Mapping[str, Any]) -> str:
    """The checksum of the network's settings, on whose sizes the time to build it depends."""
    return hashlib.sha256(canonical_json([config.get("recipe"), config.get(SETTINGS)]).encode()).hexdigest()


def with_checksums(config: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The config with checksums. files: those of the folder's files by name."""
    return {**config, KEY: {SETTINGS: settings_sha256(config), **files}}


def checked_sha256(run: RunFolder, config: Mapping[str, Any], name: str) -> str:
    """The checksum of a file of the folder, or of the settings; an error if the config has another."""
    found = settings_sha256(config) if name == SETTINGS else sha256_of(run / name)
    known = config.get(KEY)
    wanted = known.get(name) if isinstance(known, dict) else None
    if known is not None and wanted != found:  # earlier versions wrote none
        what = f"the {SETTINGS}" if name == SETTINGS else name
        raise IncompatibleError(
            f"Expected {what} of the model in {run.path} as saved (sha256 {wanted}), found another ({found}). "
            "It was changed or damaged: copy the folder again, or train the model again."
        )
    return found


# Folders of models: their files, and the loaded model.

UNCHECKED = (
    "The model in {folder} has no checksums, since an earlier version wrote it: damage of its weights can't be seen. "
    "`sciencegen train` writes them."
)

CONFIG, REPRESENTATION, WEIGHTS, METRICS, CARD = (
    "config.yaml", "representation.json", "weights.safetensors", "metrics.json", "card.md",
)  # fmt: skip
UNMEASURED = "unmeasured"
"""In a model's metrics: why there are no figures."""
NOT_YET = {UNMEASURED: "the training was stopped before its figures were computed"}
"""The metrics of a model whose figures aren't computed yet."""


@dataclass(frozen=True)
class LoadedModel:
    """A trained model with its representation. config: the folder's config.yaml. sha256: of settings, representation
    and weights, as they were loaded."""

    domain: Domain
    representation: Representation
    model: LatentModel
    folder: Path
    config: Mapping[str, Any]
    device: str
    sha256: Mapping[str, str]
    threads: int = 1

    @property
    def recipe(self) -> Recipe:
        return find_recipe(self.domain, self.config.get("recipe"))

    @property
    def beside_default(self) -> bool:
        """Whether it has the recipe of its domain's default weights, and is other ones."""
        same = _shipped_recipes(self.domain.name).get(self.domain.name) == self.config.get("recipe")
        return same and self.folder != pretrained_root() / self.domain.name

    @cached_property
    def oracles(self) -> Mapping[str, Oracle]:
        """The model's own oracles, by name."""
        found = self.recipe.oracles
        return {} if found is None else found.make(self.model, self.representation, self._remember)

    @cached_property
    def usual_oracles(self) -> Mapping[str, Oracle]:
        """Oracles that are used by default, without being named."""
        found = self.recipe.oracles
        usual = set[str]() if found is None else set(found.names).difference(found.on_request)
        return {name: oracle for name, oracle in self.oracles.items() if name in usual}

    @property
    def reference(self) -> Reference | None:
        """The reference that names of the model's items refer to, or None."""
        return None if self.representation.naming is None else self.representation.naming.reference

    @property
    def results(self) -> str:
        """Name of the domain or form in which the model's items are scored and written."""
        return name_of_results(self.domain.name, self.recipe.form)

    def _remember(self, name: str, make: Callable[[], Any]) -> Any:
        """`remembered` for this model; the key has device and threads, on which the rounding depends."""
        import torch

        from sciencegen.data.weights import remembered

        files = [self.folder / one for one in (CONFIG, REPRESENTATION, WEIGHTS)]
        return remembered(files, (self.device, torch.get_num_threads()), name, make)

    @property
    def space(self) -> LatentSpace:
        if self.recipe.completes:
            raise ConfigError(
                f"Expected a model that makes new items, {self.folder} only completes given ones. "
                "Name it with `complete`, beside a `model` that makes them."
            )
        from sciencegen.latent.explorer import LatentSpace

        items, pictures, moves = self.domain.items, self.domain.pictures, self.domain.moves
        return LatentSpace(
            self.model, self.representation, self.device, self.threads, self.recipe.cpu_rows,
            parse=items.parse, text=items.text, render=self.domain.render,
            render_alike=None if pictures is None else pictures.render_alike,
            texts=partial(item_texts, self.domain), object_of=partial(object_of, self.domain),
            plausible=constraint_of(self.domain, [], [], plausible=True), like=None if moves is None else moves.like,
        )  # fmt: skip


def load(domain: str | Path, model: str | Path | None = None, device: str = "auto") -> LatentSpace:
    """The latent space of a trained model.

    Parameters
    ----------
    domain : str or Path
        Such as "molecules"; or a model alone, as for `model`.
    model : str or Path, optional
        A shipped name or a run folder; by default the domain's shipped weights.
    device : str
        "auto", "cpu", "cuda" or "mps".

    Returns
    -------
    LatentSpace

    Raises
    ------
    ConfigError
        For an unknown domain or model, or a device that isn't here.
    IncompatibleError
        For weights of another domain or of a newer format.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.load("molecules", device="cpu").size
    64
    """
    if model is None and str(domain) not in domain_names():
        domain, model = _domain_of_model(domain), domain
    return load_model(str(domain), model, device).space


def _domain_of_model(model: str | Path) -> str:
    """The domain of a shipped model, or of a model's folder."""
    folder = _folder_of(model)
    if folder is None:
        raise unknown_name("domain, model's folder or shipped model", str(model), [*domain_names(), *shipped_names()])
    found = _config_of(RunFolder(folder, create=False)).get("domain")
    if not isinstance(found, str):
        raise IncompatibleError(NO_SETTINGS.format(path=folder / CONFIG))
    return found


def _shipped(name: str) -> Path | None:
    """The folder of shipped weights, or None."""
    folder = pretrained_root() / RENAMED.get(name, name)
    return folder if os.path.isfile(folder / CONFIG) else None


def _folder_of(model: str | Path) -> Path | None:
    """The folder of a model: a run folder, or that of a shipped name; None if there is neither."""
    return Path(model) if os.path.isfile(Path(model) / CONFIG) else _shipped(str(model))


NO_SETTINGS = "Expected a model's settings in {path}, found something else."


def _config_of(run: RunFolder) -> Mapping[str, Any]:
    config = run.read_yaml(CONFIG)
    if not isinstance(config, dict):
        raise IncompatibleError(NO_SETTINGS.format(path=run / CONFIG))
    return config


RENAMED = {"qm9-diffusion": "qm9-molecules"}
"""Old names of shipped weights that are still accepted -> their names."""


def pretrained_root() -> Path:
    """The folder of the shipped weights; it may not exist."""
    return Path(__file__).resolve().parents[2] / "pretrained"


def shipped_names() -> list[str]:
    """Names of the shipped weights."""
    root = pretrained_root()
    return sorted(path.parent.name for path in root.glob(f"*/{CONFIG}")) if root.is_dir() else []


def _shipped_recipes(domain: str) -> dict[str, str]:
    """Name of each of a domain's shipped weights -> its recipe."""
    configs = {one: RunFolder(pretrained_root() / one, create=False).read_yaml(CONFIG) for one in shipped_names()}
    return {one: config["recipe"] for one, config in configs.items() if config["domain"] == domain}


def find_model(domain: str, model: str | Path | None) -> Path:
    """The folder of a model: a shipped name, the path of a run folder, or None for the domain's default."""
    found = _shipped(domain) if model is None else _folder_of(model)
    if found is not None:
        return found
    if model is None:
        science = domain_of(domain)
        families = any(one.family is not None for one in science.recipes.values())
        flags = "`model` or `alignment`" if families else "`model`"
        without = "" if science.design is None else f" `sciencegen propose {domain}` needs no model."
        others = [
            f"`model` {one} (draws {science.recipes[recipe].form or 'items'})"
            for one, recipe in _shipped_recipes(domain).items()
        ]
        shipped = f" Shipped for {domain}: {', '.join(others)}." if others else ""
        raise ConfigError(
            f"No default weights are shipped for {domain}.{shipped} Pass {flags}, or train some (`sciencegen train "
            f"{domain}`).{without}"
        )
    if os.path.isdir(model):
        raise IncompatibleError(f"Expected a trained model ({CONFIG}, {WEIGHTS}) in {model}, found none.")
    raise unknown_name("model (neither a folder nor shipped)", str(model), shipped_names() or ["none is shipped"])


def reference_to(domain: str, model: str | None, folder: Path) -> str | None:
    """The text by which files in `folder` refer to a model: the name of a shipped one, else the path relative to
    `folder`, so that both can be moved together."""
    place = None if model is None else find_model(domain, model).resolve()
    if place is None or place.parent == pretrained_root():
        return model
    return Path(os.path.relpath(place, folder.resolve())).as_posix()


def referred_to(reference: str | None, folder: Path) -> str | None:
    """The model of such a reference. Old references, relative to the working folder of the command, are tried last."""
    if reference is None or (pretrained_root() / RENAMED.get(reference, reference) / CONFIG).is_file():
        return reference
    path = folder / reference
    earlier = not (path / CONFIG).is_file() and (Path(reference) / CONFIG).is_file()
    return reference if earlier else str(path)


def resolve_device(device: str) -> str:
    """Resolve `auto` to an available device; an unavailable device is an error."""
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available.get(device, False):
        here = ", ".join(name for name, present in available.items() if present)
        raise ConfigError(f"Expected an available device ({here}), got '{device}'. Pass `device` auto.")
    return device


def load_model(domain: str, model: str | Path | None = None, device: str = "auto", threads: int = 1) -> LoadedModel:
    """Read a model folder; weights of another format, domain or shape are an IncompatibleError.

    threads: compute chunks that run in parallel (`inference_threads`); always 1 on devices other than a CPU.
    """
    return describe_model(domain, model).load(device, threads)


@dataclass(frozen=True)
class ModelDescription:
    """A model's folder without the weights. config: its config.yaml. sha256: of settings and representation."""

    run: RunFolder
    config: Mapping[str, Any]
    recipe: Recipe
    representation: Representation
    sha256: Mapping[str, str]

    @property
    def results(self) -> str:
        """Name of the domain or form in which the model's items are scored and written."""
        return name_of_results(self.config["domain"], self.recipe.form)

    def load(self, device: str, threads: int = 1) -> LoadedModel:
        """`load_model` of this folder."""
        from sciencegen.data.weights import read_weights

        run, config, recipe = self.run, self.config, self.recipe
        if not run.has(WEIGHTS):
            raise IncompatibleError(f"Expected {WEIGHTS} in {run.path}, found none: its training isn't finished.")
        sha256 = {**self.sha256, WEIGHTS: checked_sha256(run, config, WEIGHTS)}
        with _of_a_model(run):
            network = recipe.build(self.representation, recipe_settings(recipe, config.get("settings") or {}))
            network.load_state_dict(read_weights(run / WEIGHTS))
        if KEY not in config and pretrained_root() not in run.path.resolve().parents:
            warnings.warn(UNCHECKED.format(folder=run.path), stacklevel=1)
        place = resolve_device(device)
        return LoadedModel(
            domain_of(in_form(config["domain"], recipe.form)), self.representation, network.to(place).eval(), run.path,
            config, place, sha256, threads if place == "cpu" else 1,
        )  # fmt: skip


def describe_model(domain: str, model: str | Path | None) -> ModelDescription:
    """Read a model folder without its weights; one of another format or domain is an IncompatibleError."""
    run = RunFolder(find_model(domain, model), create=False)
    config = _config_of(run)
    check_format(config.get("format_version"), str(run / CONFIG))
    if "target" in config and "recipe" not in config:
        raise IncompatibleError(
            f"Expected a generative model, {run.path} holds a predictor of {config['target']}. Pass it to `predictors` "
            f"as NAME={run.path}."
        )
    if config.get("domain") != domain:
        raise IncompatibleError(f"Expected weights for {domain}, {run.path} holds weights for {config.get('domain')}.")
    recipe = find_recipe(domain_of(domain), config.get("recipe"), IncompatibleError)
    content = run.read_json(REPRESENTATION)
    with _of_a_model(run):
        sha256 = {name: checked_sha256(run, config, name) for name in (SETTINGS, REPRESENTATION)}
        return ModelDescription(run, config, recipe, recipe.load_representation(content), sha256)


def results_of_model(domain: str, model: str | Path | None) -> str:
    """`results` of a model; the plain domain if there is no such model, which loading it reports."""
    try:
        return describe_model(domain, model).results
    except (ConfigError, IncompatibleError):
        return domain


def _of_a_model(run: RunFolder) -> AbstractContextManager[None]:
    """Any error of code that reads a damaged or foreign model is an IncompatibleError."""
    return converted(
        lambda error: IncompatibleError(
            f"The model in {run.path} can't be loaded here: {reason_of(error)}. "
            f"{CONFIG}, {REPRESENTATION} and {WEIGHTS} must be as `sciencegen train` wrote them: copy the folder again."
        ),
        unchanged=IncompatibleError,
    )


def open_model(domain: str, model: str | Path | None, resources: Resources) -> LoadedModel:
    """`load_model` with the device and threads of a verb's settings."""
    return load_model(domain, model, resources.device, inference_threads(resources.threads))


def save_model(
    run: RunFolder, model: LatentModel, metrics: Mapping[str, Any], science: str, sparse: bool = False
) -> None:
    """Write metrics, card and finally the weights of a finished training to its folder.

    `config.yaml` and `representation.json` are written when training starts. science: name of the domain or form.
    sparse: whether weights are stored without their zeros.
    """
    from sciencegen.data.weights import weights_content

    write_metrics(run, metrics, science)
    content = weights_content(model.state_dict(), sparse)
    sha256 = {REPRESENTATION: sha256_of(run / REPRESENTATION), WEIGHTS: hashlib.sha256(content).hexdigest()}
    run.write_yaml(CONFIG, with_checksums(run.read_yaml(CONFIG), sha256))
    with atomic_write(run / WEIGHTS, "wb") as file:
        file.write(content)


def write_metrics(run: RunFolder, metrics: Mapping[str, Any], science: str) -> None:
    """Write the figures of a model, and its card with them."""
    run.write_json(METRICS, metrics)
    rows = "\n".join(f"- {name}: {value}" for name, value in metrics.items())
    run.write_text(CARD, f"# A model of {science}\n\nSettings in `{CONFIG}`. Measured:\n\n{rows}\n")


def is_measured(run: RunFolder) -> bool:
    """Whether the figures of a saved model could be computed."""
    return run.has(METRICS) and UNMEASURED not in run.read_json(METRICS)


def measured(measure: Callable[[], Mapping[str, Any]], run: RunFolder, log: Callable[[str], None]) -> Json:
    """The figures of a model that is saved in this folder; if they can't be computed, why."""
    try:
        return dict(measure())
    except Exception as error:  # whatever it is, the model is there
        why = f"{type(error).__name__}: {error}".rstrip(": ")
        log(
            f"note: the model in {run.path} is saved, but its figures are missing in {METRICS}, since they can't be "
            f"computed ({why}). The same command computes them again, without training."
        )
        return {UNMEASURED: why}


def write_weights(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write a network's weights atomically. state: its `state_dict`."""
    from sciencegen.data.weights import weights_content

    with atomic_write(path, "wb") as file:
        file.write(weights_content(state))


def kept_checksums(run: RunFolder) -> Json:
    """The checksums in a config that is written again; `save_model` replaces them."""
    try:
        config = run.read_yaml(CONFIG)
    except IncompatibleError:  # there is none, or it is damaged
        return {}
    return {KEY: config[KEY]} if isinstance(config, dict) and KEY in config else {}


def find_recipe(domain: Domain, name: str | None, error: type[Exception] = ConfigError) -> Recipe:
    """The domain's recipe with this name, its default for None."""
    chosen = name or domain.default_recipe
    if not domain.recipes:
        raise error(f"Expected a domain with recipes, {domain.name} has none. Add a `Recipe` to its `recipes`.")
    if not isinstance(chosen, str) or chosen not in domain.recipes:
        raise error(str(unknown_name(f"recipe of {domain.name}", chosen, domain.recipes)))
    return domain.recipes[chosen]


def recipe_settings(
    recipe: Recipe, values: Mapping[str, Any], base: DataclassInstance | None = None
) -> DataclassInstance:
    """The recipe's strict record of settings. base: as in `to_record`."""
    return to_record(recipe.settings, values, f"settings of recipe '{recipe.name}'", base)


def name_columns(representation: Representation) -> Callable[[Sequence[Item]], dict[str, list[str | None]]]:
    """A function from items to a column of their names relative to the reference, or to no column."""
    naming = representation.naming
    return lambda items: {} if naming is None else {naming.column: naming.names(items)}


def name_suffixes(representation: Representation) -> NameSuffixes | None:
    """A function from items to suffixes of their names in the domain's files; None if items have no numbering."""
    return None if representation.naming is None else representation.naming.suffixes


# Encode rows of items to latents.


@dataclass(frozen=True)
class Encoded:
    """latent [item latent]; index: the item's row in the input, from 0; item: standardized text; name: the
    item's name in the input, or ""; notes: what to know about them; domain: name of the items' domain or form;
    inferred: further arrays [item ...] by name (`LatentRows.inferred`)."""

    latent: np.ndarray
    index: np.ndarray
    item: Sequence[str]
    name: Sequence[str]
    refused: list[Refused]
    notes: tuple[str, ...] = ()
    domain: str = ""
    inferred: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers of encoded and of refused items."""
        counts = {"encoded": len(self.index), "refused": len(self.refused)}
        return {**counts, **ledger("rows", sum(counts.values()), counts)}


def are_reconstructed(loaded: LoadedModel, latents: np.ndarray, texts: Sequence[str]) -> list[bool]:
    """Whether each item is decoded from its latent; always true for representations that are not exact (galaxies)."""
    if not loaded.representation.canonical:
        return [True] * len(texts)
    items, decoded = loaded.domain.items, loaded.space.decode_items(latents)
    keys = [None if is_refusal(one) else items.key(one) for one in decoded]
    return [key == items.key(items.parse(text)) for key, text in zip(keys, texts, strict=True)]


def encode_rows(
    loaded: LoadedModel, rows: Iterable[Row], resources: Resources, advance: Callable[[int], None] = lambda rows: None
) -> Encoded:
    """Parse in killable workers, then encode in compute chunks. Rows are read one by one. advance: called with the
    number of rows encoded."""
    text = json.dumps(loaded.representation.to_json())
    task = partial(encode_one, Encode(loaded.domain.name, str(loaded.config["recipe"]), text))
    waiting, left_out = deque[Row](), LeftOut(loaded.domain)
    kept, refused = array("q"), list[Refused]()
    items, names = StoredItems[str](str), StoredItems[str](str)  # on disk: there may be millions

    def texts() -> Iterator[str]:
        for row in rows:
            waiting.append(row)
            yield row.text

    def arrays() -> Iterator[recipes.Encoded]:
        for index, result in map_killable(task, texts(), processes=worker_count(resources.threads)):
            row = waiting.popleft()
            if not isinstance(result, tuple):
                refused.append((row.line, row.text, result.reason))
                continue
            left_out.look([row])
            kept.append(index)
            items.append(result[0])
            names.append(row.id)
            yield result[1]

    latents = loaded.space.encode_arrays(pack(arrays()), advance)
    numbers, notes = np.array(kept, np.int64), tuple(left_out.notes)
    return Encoded(latents, numbers, items, names, refused, notes, loaded.domain.name)


def encode_one(encode: Encode, text: str) -> tuple[str, recipes.Encoded] | Refusal:
    """A single text, for maps that run each text separately."""
    return encode([text])[0]
