"""Plain strict settings of every verb. An unknown key is an error that names the nearest one.

A verb's settings are one record; a workflow's config file holds one section for each verb. The defaults live here and
nowhere else: a flag of the command line that isn't given is left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from sciencegen.errors import ConfigError

COMPUTE_CHUNK = 512
"""Items in one matrix product. Fixed, because products of other sizes round differently."""

ITEM_TIMEOUT_S = 30.0
"""Seconds that scoring one item may take."""

TEXTS = (tuple[str, ...], tuple[str, ...] | None)
"""Types of a setting where several texts may stand."""

Device = Literal["auto", "cpu", "cuda", "mps"]


class Settings(BaseModel):
    """A strict, immutable record."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), populate_by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _one_text_is_a_list(cls, value: Any, field: ValidationInfo) -> Any:
        """Where several texts may stand, one may stand alone."""
        annotation = cls.model_fields[str(field.field_name)].annotation
        return (value,) if isinstance(value, str) and annotation in TEXTS else value


def as_texts(texts: str | Iterable[str]) -> list[str]:
    """The same for a function's argument: a text alone is one text, not its characters."""
    return [texts] if isinstance(texts, str) else list(texts)


class Resources(Settings):
    """Where and how wide a verb computes; none of it changes a result, but for `device`'s rounding, and `threads`' in
    training.

    threads: 0 is every core. batch_size: how many items may be in flight at once, at least a compute chunk a thread.
    """

    seed: int = Field(0, ge=0)
    device: Device = "auto"
    threads: int = Field(0, ge=0)
    batch_size: int = Field(COMPUTE_CHUNK, ge=1)


DEFAULT_RESOURCES = Resources()


class Reading(Resources):
    """How rows are read, where a verb reads a file or a dataset; of these only `limit` applies to a prepared folder.

    sample: True takes the card's committed sample, False the whole set, None the whole set if it is in the cache.
    limit: the first rows of a file, or of each split. offline: fetch nothing.
    wild_type: what rows are named against, as text or its file (proteins: column mutant, A42G).
    """

    sample: bool | None = None
    limit: int | None = Field(None, ge=1)
    offline: bool = False
    wild_type: str | None = None


class FamilyMeasurements(Settings):
    """Of a family's alignment (proteins), what was measured of variants of its first record: their table, with the
    column `target`; none is `value`."""

    measured: str | None = None
    target: str | None = None


class PrepareSettings(Reading, FamilyMeasurements):
    """source: a file, or a dataset card's name, which may end in its split: `moses/train`.
    columns: numeric columns of the file that become properties too; none means all of them.
    fractions: how a file is split, such as {train: 0.9, test: 0.1}; none leaves it whole.
    form: which form of the domain's items to read, such as "structures" of molecules; none is the domain's own.
    """

    source: str | None = None
    column: str | None = None
    properties: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    fractions: dict[str, float] = {}
    form: str = ""


class TrainSettings(Reading, FamilyMeasurements):
    """model: take these weights as they are (a shipped name or a run folder) instead of training.
    from_model: go on from these weights. recipe, settings: which network, and its own settings.
    training: how long and how (steps, learning rate ...): `training.TrainingSettings`.
    finish: settings of what is fitted after the weights, such as a prior over the latents (steps).
    conditions: the properties that the model is conditioned on; None is the recipe's own choice.
    distill: make the diffusion `from_model` draw in so many steps, by halvings, each trained for `training`'s steps.
    teacher_steps: of DDIM, which are halved first; None: the model's own, or twice those of another sampler.
    """

    model: str | None = None
    from_model: str | None = Field(None, alias="from")
    recipe: str | None = None
    conditions: tuple[str, ...] | None = None
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}
    finish: dict[str, Any] = {}
    distill: int | None = Field(None, ge=1)
    teacher_steps: int | None = Field(None, ge=2)


class GenerateSettings(Resources):
    """n: distinct accepted items, or exactly this many draws if raw. attempts: draws allowed for each wanted item.
    noise_scale: multiplies the latent noise that items are drawn from; a recipe's own setting `temperature` sharpens
    what its decoder draws from, and belongs to the trained model. Under a condition draws go on until one is near, and
    noise_scale shapes the first of them only. raw: keep what is malformed too (a condition passes over it inside the
    model, whatever stands here). include: further properties to write. complete: a model that gives what is written
    its structure; without, the one that the model's own config names, if any. scaffold: a file with a part that every
    item holds, and that stays where it is in structures. predictors: name -> folder, for
    conditions and further properties that the domain can't compute. noise_free: write items as they are, not as the
    training data's instrument would see them (galaxies: without PSF and noise). Conditions are checked without noise.
    sampler, steps, guidance: how a diffusion draws, where it is not as it was trained to; the same for that of
    `complete`. steer: goals of the draws. best_of: draws for each item, of which the best by `steer` is kept, or
    without it the nearest to `where`. particles: of each draw of a diffusion, resampled at every step by how well their
    estimates meet `steer` (Feynman-Kac steering); None is 8 where only `steer` is given. strength: of that, in nats for
    the whole range of a goal's property.
    """

    n: int = Field(1000, ge=1)
    model: str | None = None
    where: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    raw: bool = False
    attempts: int = Field(50, ge=1)
    noise_scale: float = Field(1.0, gt=0)
    complete: str | None = None
    scaffold: str | None = None
    noise_free: bool = False
    predictors: dict[str, str] = {}
    sampler: str | None = None
    steps: int | None = Field(None, ge=1)
    guidance: float | None = Field(None, ge=0)
    steer: tuple[str, ...] = ()
    best_of: int = Field(1, ge=1)
    particles: int | None = Field(None, ge=1)
    strength: float = Field(10.0, gt=0)


class OracleSettings(Settings):
    """An external program: `command` with {input} and {output}; it reads items and writes a table with `column`."""

    command: str
    column: str = "score"
    input_format: str | None = None
    unit: str = ""
    direction: Literal["maximize", "minimize"] | None = None
    parallel: int = Field(1, ge=1)
    batch_size: int = Field(64, ge=1)
    timeout_s: float = Field(3600.0, gt=0)
    retries: int = Field(1, ge=0)


class PredictorSettings(Reading):
    """A property regressor. table: a file, or a dataset card's name (all its rows), which may end in its split.
    target: the column of numbers to predict. model: whose latents it may look at (settings: {inputs: both}), or whose
        scores, which it does where the model has some (of a protein's family).
    evaluation_folds, evaluation_repeats: of the cross-validation whose figures stand in metrics.json.
    form: of the domain's items (such as "structures" of molecules), in which networks see them: table may be a prepared
    dataset too, target several columns `a,b,c`, and settings are members, held_out, level, network, training.
    """

    table: str
    target: str
    form: str = ""
    column: str | None = None
    model: str | None = None
    split: str | None = None
    evaluation_folds: int = Field(5, ge=2)
    evaluation_repeats: int | None = Field(2, ge=1)
    settings: dict[str, Any] = {}


class OptimizeSettings(Resources):
    """goals: "maximize qed", "sa <= 3", "logp in 1..3", "similarity to X >= 0.4". budget: distinct scored items.
    predictors: name -> folder. controls: methods that run at the same budget beside the search, for comparison.
    lower_bounds: rate a score by the worse end of its interval, where it has one, so that a search doesn't run to
    where a predictor is uncertain; False uses the value alone.
    maximum_similarity: no two returned candidates are more alike; None is the domain's own, else 0.7. novel: return
    nothing that is in the training data. start: items to begin with beside draws; none is the model's own, if any.
    complete: as for generating.
    """

    goals: tuple[str, ...] = ()
    method: str = "evolution"
    budget: int = Field(5000, ge=1)
    n: int = Field(100, ge=1)
    model: str | None = None
    start: tuple[str, ...] = ()
    predictors: dict[str, str] = {}
    lower_bounds: bool = True
    oracles: dict[str, OracleSettings] = {}
    keep: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    training: str | None = None
    novel: bool = True
    maximum_similarity: float | None = Field(None, ge=0, le=1)
    include: tuple[str, ...] = ()
    complete: str | None = None
    settings: dict[str, Any] = {}


class ProposeSettings(Reading):
    """measured: tables of what a lab has measured, or datasets by name, with the column `target`. journal: the table
    that a campaign writes all proposals and measurements to. batch: items of the plate. minimize: less of the target is
    better.
    pool: a file of candidates, or a dataset's name; without, they come from moves of the best and from `model`.
    acquisition: thompson, ucb, noisy-ei or greedy. surrogate: gp, ensemble or auto (by cross-validated likelihood).
    scale: of the target, linear, log, log-from-above, saturating or auto.
    exploration: how much wider than fitted thompson takes the posterior; without, it follows from `rounds`, how many
    the campaign will have in all, or is 1.4.
    wild_type: what items may be named against (a sequence or its file); every proposal is then a change of it.
    space: options of the domain's own design space (positions, letters ...). start: items to begin from where nothing
    is measured; without, the wild type. also: tables of candidates beside those that moves and `model` make. controls:
    items that are on the plate whatever is known of them.
    where: what must hold of every proposal, in the words of goals. maximum_similarity: between two items of the plate.
    maximum_share: of the plate, that may have a letter at a position, or a scaffold, in common. diversity: how much an
    item's neighbours lose.
    cost: the pool's column of costs; cost_limit: of the whole plate, whose controls cost what the pool says of them;
    every acquisition keeps it, noisy-ei weighs improvement against cost too. column: the item's column.
    breeding: children, generations, parents, draws of candidates without a pool. predictors: name -> folder; the plate
    tells what they say of its items, and whether they know such: they pick none, but `where` may ask them.
    """

    measured: tuple[str, ...] = ()
    journal: str | None = None
    target: str = "value"
    minimize: bool = False
    batch: int = Field(96, ge=1)
    pool: str | None = None
    model: str | None = None
    acquisition: str = "thompson"
    surrogate: str = "auto"
    scale: str = "auto"
    exploration: float | None = Field(None, ge=0)
    rounds: int | None = Field(None, ge=1)
    keep: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    space: dict[str, Any] = {}
    start: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    maximum_similarity: float = Field(1.0, gt=0, le=1)
    maximum_share: float = Field(1.0, gt=0, le=1)
    diversity: float = Field(0.0, ge=0)
    cost: str | None = None
    cost_limit: float | None = Field(None, gt=0)
    column: str | None = None
    breeding: dict[str, Any] = {}
    predictors: dict[str, str] = {}


class RecordSettings(Reading):
    """target: the column of measured values. column: the item's. round: of rows that the campaign didn't propose and
    that have no column `round`. wild_type: what the rows may be named against."""

    target: str = "value"
    column: str | None = None
    round: int = Field(0, ge=0)


class EvaluateSettings(Resources):
    """against: a dataset card and its split, `set/test`, or a file. form: which form of the items to evaluate, such as
    "structures" of molecules.

    calibrate: property -> values; how well raw draws of `model` meet each of them, from `draws` of them.
    predictors: name -> folder, for conditions that the domain can't compute.
    """

    against: str | None = None
    form: str = ""
    training: str | None = None
    limit: int | None = Field(None, ge=1)
    offline: bool = False
    model: str | None = None
    calibrate: dict[str, tuple[float, ...]] = {}
    draws: int = Field(512, ge=1)
    predictors: dict[str, str] = {}


class EncodeSettings(Resources):
    """model: None is the domain's shipped one. column: the item's column of a file."""

    model: str | None = None
    column: str | None = None


class DecodeSettings(Resources):
    """model: the one that made the latents; None is the domain's shipped one. where: conditions of the decoder."""

    model: str | None = None
    where: tuple[str, ...] = ()


class InterpolateSettings(Resources):
    """model: None is the domain's shipped one. include: properties of the items on the way."""

    model: str | None = None
    include: tuple[str, ...] = ()


class PredictSettings(Resources):
    """wild_type: what rows are named against, as text or its file. column: the item's column. timeout_s: seconds that
    one item may take."""

    wild_type: str | None = None
    column: str | None = None
    timeout_s: float = Field(ITEM_TIMEOUT_S, gt=0)


class ScoreSettings(PredictSettings):
    """names: properties and oracles; none are all properties, or with `model` what it scores. predictors: name ->
    folder. model: whose own oracles may be named (galaxies: anomaly).
    """

    names: tuple[str, ...] = ()
    predictors: dict[str, str] = {}
    model: str | None = None


class VariantScoringSettings(Resources):
    """alignment: of a family, whose model is trained on the way; model: one that was. wild_type: what the variants are
    of, where predictors alone (name -> folder) score them. column: of their names. classify: with the domain's classes,
    which follow from the scores of all singles. settings, training: of the alignment's model, such as {members: 1} and
    {steps: 300}.
    """

    alignment: str | None = None
    model: str | None = None
    wild_type: str | None = None
    predictors: dict[str, str] = {}
    column: str | None = None
    classify: bool = False
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}


class BenchmarkSettings(Resources):
    """tasks, methods: of the suite and of searching; none are all tasks, and the default method. budget: distinct
    scored items for each task and seed. seeds: runs of each task, with seeds 0, 1 ... domain: None is the one that has
    the suite. model: whose latent space is searched; None is the domain's shipped one.
    """

    tasks: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    budget: int = Field(10_000, ge=1)
    seeds: int = Field(5, ge=1)
    domain: str | None = None
    model: str | None = None


class VariantsSettings(Settings):
    """Of which variants a family's model says the effects: "all-singles", or a file of them. classify: with classes."""

    variants: str = "all-singles"
    classify: bool = False


class ReportSettings(Settings):
    """colour_by: what colours the training items on the latent map: one of their numbers; a label that the domain reads
    from their names (proteins: `taxon`); or a table with the columns `name` and a label."""

    title: str | None = None
    colour_by: str | None = None
    candidates: int = Field(100, ge=1)


class RunSettings(Settings):
    """One workflow: a section for each verb. `name` is the folder in `results/<domain>/`.

    structures: the ending of the candidates' structure file, such as .sdf; None writes tables only.
    complete: a second model, trained on the same source, that gives candidates their structures; none leaves these to
    the domain. variants: effects of variants by the trained model and the predictors, for models of a family.
    propose: the next plate for a lab. gpus: how many a training asks of a cluster.
    """

    domain: str
    name: str = "default"
    results: str = "results"
    structures: str | None = None
    seed: int = Field(0, ge=0)
    device: Device = "auto"
    threads: int = Field(0, ge=0)
    gpus: int = Field(0, ge=0)
    prepare: PrepareSettings = PrepareSettings()
    train: TrainSettings = TrainSettings()
    complete: TrainSettings | None = None
    generate: GenerateSettings = GenerateSettings()
    predict: dict[str, PredictorSettings] = {}
    optimize: OptimizeSettings = OptimizeSettings()
    variants: VariantsSettings | None = None
    propose: ProposeSettings | None = None
    evaluate: EvaluateSettings = EvaluateSettings()
    report: ReportSettings = ReportSettings()

    @property
    def folder(self) -> Path:
        return Path(self.results) / self.domain / self.name


Record = TypeVar("Record", bound=BaseModel)


def build_settings(record: type[Record], values: Mapping[str, Any], place: str = "") -> Record:
    """`record(**values)`, with an error that a person can act on."""
    try:
        return record(**values)
    except ValidationError as error:
        lines = [_explain(record, problem) for problem in error.errors()]
        raise ConfigError(f"{place or 'Settings'}: " + "; ".join(lines)) from None


def _explain(record: type[BaseModel], problem: Mapping[str, Any]) -> str:
    path = [str(part) for part in problem["loc"]]
    name = ".".join(path)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(record, path[:-1])
        near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}."
        return f"unknown key '{name}', {remedy}"
    if problem["type"] == "missing":
        return f"key '{name}' is missing"
    return f"'{name}': {problem['msg']}, got {problem['input']!r}"


def _known_keys(record: type[BaseModel], path: list[str]) -> list[str]:
    """The keys of the nested record at `path`, in which names of a user's own (`predict.activity`) may stand."""
    for part in path:
        field = record.model_fields.get(part)
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        nested = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
        record = next(nested, record)
    return sorted(field.alias or name for name, field in record.model_fields.items())


def read_settings(text: str) -> dict[str, Any]:
    """A mapping from YAML or JSON text, or from a file given as `@path`."""
    place = text[1:] if text.startswith("@") else "`settings`"
    try:
        values = yaml.safe_load(Path(place).read_text() if text.startswith("@") else text)
    except FileNotFoundError:
        raise ConfigError(f"Expected a config file at {place}, found none.") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"Expected YAML in {place}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"Expected `key: value` lines or {{key: value}} in {place}, got '{str(values)[:60]}'.")
    return values
