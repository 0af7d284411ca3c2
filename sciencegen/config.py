"""Strict settings of every verb. An unknown key is an error that names the most similar one.

A verb's settings are one record; a workflow's config file has one section for each verb. Defaults are defined only
here: a flag that is not given on the command line is left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from sciencegen.errors import ConfigError
from sciencegen.files import found_at
from sciencegen.yaml_text import parse_yaml

COMPUTE_CHUNK = 512
"""Items in one matrix product. It is fixed, because products of other sizes round differently."""

CPU_CHUNK = 128
"""Rows of one call on a CPU: small enough that a search round of a few hundred rows uses several threads."""

ITEM_TIMEOUT_S = 30.0
"""Seconds that scoring one item may take."""

TEXTS = (tuple[str, ...], tuple[str, ...] | None)
"""Types of settings that accept several texts."""

Device = Literal["auto", "cpu", "cuda", "mps"]


class Settings(BaseModel):
    """A strict, immutable record."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), populate_by_name=True, allow_inf_nan=False,
        defer_build=True,  # of all records a command uses one or two
    )  # fmt: skip

    @field_validator("*", mode="before")
    @classmethod
    def _one_text_is_a_list(cls, value: Any, field: ValidationInfo) -> Any:
        """A single text is accepted where several texts are allowed, and a path where a text is."""
        annotation = cls.model_fields[str(field.field_name)].annotation
        value = str(value) if isinstance(value, Path) else value
        return (value,) if isinstance(value, str) and annotation in TEXTS else value


def as_texts(texts: str | Iterable[str]) -> list[str]:
    """A function's argument as a list of texts: a single text is one text, not its characters."""
    return [texts] if isinstance(texts, str) else list(texts)


class Resources(Settings):
    """The device and parallelism of a verb. `seed` changes results; `device`, and `threads` in training, rounding only.

    threads: 0 is every core. batch_size: number of items processed at once, at least one compute chunk per thread.
    """

    seed: int = Field(0, ge=0)
    device: Device = "auto"
    threads: int = Field(0, ge=0)
    batch_size: int = Field(COMPUTE_CHUNK, ge=1)


DEFAULT_RESOURCES = Resources()


class Reading(Resources):
    """How a verb reads rows of a file or a dataset; only `limit` applies to a prepared folder.

    sample: True reads the card's committed sample, False the whole set, None the whole set if it is in the cache.
    limit: only the first rows of a file, or of each split. offline: fetch nothing.
    wild_type: the reference of rows that are named as its variants, as text or a file (proteins: column mutant, A42G).
    """

    sample: bool | None = None
    limit: int | None = Field(None, ge=1)
    offline: bool = False
    wild_type: str | None = None


class FamilyMeasurements(Settings):
    """For the alignment of a family (proteins), measured values of variants of its first record: their table, and its
    column `target` (None: `value`)."""

    measured: str | None = None
    target: str | None = None


class BuildingBlocks(Settings):
    """blocks: a file of building blocks; only items are used that can be made from them in at most `maximum_steps`
    steps, and the table says how (molecules: synthesis routes)."""

    blocks: str | None = None
    maximum_steps: int = Field(4, ge=1, le=20)


class WellLayout(Settings):
    """plate: wells of a microplate, 96 or 384; None: no layout. With a plate the table has a row for each well, and
    without `batch` the items fill one plate. fill: rows, columns or random (rows, with the items in random order).
    edge_wells: whether items may be in the outermost wells. replicates: wells of each item. control_wells: wells of
    controls on each plate, 'A1,H12=item'; nothing after the '=' leaves them empty. control_copies: wells on each plate
    of each control without stated ones; these are spread evenly. picklist: echo, opentrons; a table of transfers beside
    the output for each. transfer_volume: of each transfer, in nL. stocks: options of the stock plates: size
    (384 or 96), echo_type, labware, destination_labware and height (mm)."""

    plate: int | None = None
    fill: str = "rows"
    edge_wells: bool = True
    replicates: int = Field(1, ge=1)
    control_wells: tuple[str, ...] = ()
    control_copies: int = Field(1, ge=1)
    picklist: tuple[str, ...] = ()
    transfer_volume: float | None = Field(None, gt=0)
    stocks: dict[str, Any] = {}


class PrepareSettings(Reading, FamilyMeasurements):
    """source: a file, or a dataset card's name, which may end in its split: `moses/train`.
    columns: numeric columns of the file that become properties too; by default all of them.
    fractions: how a file, or a dataset without several splits, is divided, such as {train: 0.9, test: 0.1}; by default
        it is not divided.
    form: the form of the items to read, such as "structures" of molecules; by default the domain's standard form.
    """

    source: str | None = None
    column: str | None = None
    properties: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    fractions: dict[str, float] = {}
    form: str = ""


class TrainSettings(Reading, FamilyMeasurements):
    """model: use these weights (a shipped name or a run folder) unchanged, instead of training.
    from_model: continue training from these weights. recipe, settings: the network, and its settings.
    training: settings of the training (steps, learning rate ...): `training.TrainingSettings`.
    finish: settings of what is fitted after the weights, such as a prior over the latents (steps).
    conditions: the properties that the model is conditioned on; None means those of the recipe.
    distill: distill the diffusion `from_model` to this number of sampling steps, by repeated halving; each halving is
    trained for `training`'s steps. teacher_steps: number of DDIM steps before the first halving; None means those of
    the model's own sampling, or twice that if it uses another sampler.
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


class GenerateSettings(Resources, BuildingBlocks):
    """n: distinct accepted items, or exactly this many draws if raw. attempts: draws allowed for each requested item;
    None means 50, and 1,000 in all at least.
    noise_scale: factor of the latent noise that items are drawn from. (A recipe's setting `temperature` scales the
    decoder's distribution instead, and is part of the trained model.) With a condition, items are drawn until one is
    close to it, and noise_scale affects only the first draw. raw: keep malformed items too (with a condition, the model
    skips them anyway). plausible: leave out items that can't be expected to exist (molecules: with groups that
    decompose or react), unless raw. include: further properties to write. complete: a model that generates the
    structures of the items; by default the one named in the model's config, if any. core: a part that every item
    contains, with attachment points for what is drawn (molecules). scaffold: a file with a part that every item
    contains, with unchanged coordinates in structures. contigs: of protein backbones, which residues of the scaffold,
    and how many free ones around them (10-40,A163-181,10-40). vary: a file of items, of which each draw varies one, by
    partial diffusion from noise_level: above 0 (no change) to 1 (nothing is left); None means 0.3. symmetry: of
    assemblies of equal chains, such as C3. predictors: name -> folder, for conditions and further properties that the
    domain can't compute. noise_free: write items without the effects of the training data's instrument (galaxies:
    without PSF and noise). Conditions are always checked without noise. sampler, steps, guidance: sampling of a
    diffusion model, if not by its defaults; also for the model of `complete`. step_noise: factor on the noise that its
    random sampler adds at each step. steer: goals of the draws. best_of: draws per item, of which the best by `steer`
    is kept, or without `steer` the nearest to `where`. particles: per draw of a diffusion model, resampled at every
    step by how well their estimates meet `steer` (Feynman-Kac steering); None means 8 if only `steer` is given.
    strength: of the steering, in nats for the whole range of a goal's property. With `blocks`, a draw that can't be
    made is replaced by the most similar item found that can be made and meets the request.
    """

    n: int = Field(1000, ge=1)
    model: str | None = None
    where: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    raw: bool = False
    plausible: bool = True
    attempts: int | None = Field(None, ge=1)
    noise_scale: float = Field(1.0, gt=0)
    complete: str | None = None
    core: str | None = None
    scaffold: str | None = None
    contigs: str | None = None
    vary: str | None = None
    noise_level: float | None = Field(None, gt=0, le=1)
    symmetry: str | None = None
    noise_free: bool = False
    predictors: dict[str, str] = {}
    sampler: str | None = None
    steps: int | None = Field(None, ge=1)
    guidance: float | None = Field(None, ge=0)
    step_noise: float | None = Field(None, ge=0)
    steer: tuple[str, ...] = ()
    best_of: int = Field(1, ge=1)
    particles: int | None = Field(None, ge=1)
    strength: float = Field(10.0, gt=0)


class ProgramSettings(Settings):
    """An external program, `command` with {input} and {output}. batch_size: items of a call. parallel: calls at the
    same time. timeout_s: longest time for a call, in seconds. retries: further calls after a failure."""

    command: str
    parallel: int = Field(1, ge=1)
    batch_size: int = Field(64, ge=1)
    timeout_s: float = Field(3600.0, gt=0)
    retries: int = Field(1, ge=0)


class OracleSettings(ProgramSettings):
    """An external program that reads items and writes a table with `column`."""

    column: str = "score"
    input_format: str | None = None
    unit: str = ""
    direction: Literal["maximize", "minimize"] | None = None


class PredictorSettings(Reading):
    """A property regressor. table: a file, or a dataset card's name (all its rows), which may end in its split.
    target: the column of numbers to predict. model: its latents can be used as inputs (settings: {inputs: both}); its
        scores are used if it has any (a model of a protein family).
    evaluation_folds, evaluation_repeats: of the cross-validation, whose metrics are written to metrics.json.
    form: of the items that networks take (such as "structures" of molecules). Then table may also be a prepared
    dataset, target may be several columns `a,b,c`, and settings are members, held_out, level, network, training.
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


class OptimizeSettings(Resources, BuildingBlocks):
    """goals: "maximize qed", "sa <= 3", "logp in 1..3", "similarity to X >= 0.4". budget: distinct scored items.
    predictors: name -> folder. controls: baseline methods that are run with the same budget, for comparison.
    lower_bounds: rate a score by the worse end of its interval, if it has one, so that a search avoids regions where a
    predictor is uncertain; False uses the value alone.
    maximum_similarity: greatest similarity of two returned candidates; None means that of the domain, else 0.7.
    maximum_share: greatest share of the candidates, and of a search's parents, that one class may hold (molecules: a
    scaffold, or a way to join rings), as long as others meet the goals; 1 means no limit, None means 0.1 if the domain
    has classes. novel: no training items, nor predictors'. plausible: score no items that can't be expected to exist.
    start: items to begin with, in addition to draws; by default those of the model, if any. complete: as in
    `GenerateSettings`.
    cache: a file (SQLite) of scores of programs, which later calls read and extend.
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
    plausible: bool = True
    maximum_similarity: float | None = Field(None, ge=0, le=1)
    maximum_share: float | None = Field(None, gt=0, le=1)
    include: tuple[str, ...] = ()
    complete: str | None = None
    cache: str | None = None
    settings: dict[str, Any] = {}


class ProposeSettings(Reading, BuildingBlocks, WellLayout):
    """measured: tables of measured items, or names of datasets, with the column `target`; None means that of the
    journal, else `value`. journal: the table to which a campaign writes all proposals and measurements. batch: number
    of items on the plate. minimize: whether smaller values of the target are better.
    pool: a file of candidates, or a dataset's name; by default they come from moves of the best items and from `model`.
    acquisition: thompson, ucb, noisy-ei or greedy. surrogate: gp, ensemble or auto (by cross-validated likelihood).
    scale: of the target, linear, log, log-from-above, saturating or auto.
    exploration: factor of the posterior's standard deviation for thompson; by default it depends on `rounds`, the total
    number of rounds of the campaign, and is 1.4 without that.
    plausible: propose no items that can't be expected to exist (molecules: with groups that decompose or react, or
    with unknown atom environments).
    wild_type: the reference of items that are named as its variants (a sequence or its file), and of all proposals.
    space: options of the domain's design space (positions, letters ...). start: items to begin with if nothing is
    measured; by default the wild type. also: tables of further candidates, in addition to those of moves and `model`.
    controls: items that are always on the plate.
    where: conditions on every proposal, in the syntax of goals. maximum_similarity: between two items of the plate.
    maximum_share: greatest share of the plate with a common letter at a position, or a common scaffold. diversity:
    penalty on candidates similar to those already picked.
    cost: the pool's column of costs, also those of controls. cost_limit: of the whole plate, for all acquisitions;
    noisy-ei also weighs improvement against cost. column: the item's column.
    breeding: children, generations, parents, draws of candidates without a pool. predictors: name -> folder; their
    predictions and domains are added to the plate's table, but affect the choice only through `where`.
    hit: a value at least as good counts as a hit in the forecast of the plate; by default that of the best tenth of the
    measured items. sheet: of measured tables that are Excel workbooks; by default the first that isn't empty.
    order_sheet: write each item once with what a supplier needs, beside the output. order: its options, which ask for
    it too (proteins: host, avoid, stop).
    sharing: with `blocks`, how far below the best a candidate's value may be if the candidate needs fewer blocks and
    intermediates that the plate doesn't use yet, as a share of the distance to the median candidate; 0 turns it off.
    """

    measured: tuple[str, ...] = ()
    journal: str | None = None
    target: str | None = None
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
    plausible: bool = True
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
    sharing: float = Field(0.2, ge=0, le=1)
    breeding: dict[str, Any] = {}
    predictors: dict[str, str] = {}
    hit: float | None = Field(None, allow_inf_nan=False)
    sheet: str | None = None
    order_sheet: bool = False
    order: dict[str, Any] = {}


class RecordSettings(Reading):
    """target: the column of measured values; None: the journal's, else `value`. column: the item's. round: for rows
    that weren't proposed and have no column `round`. wild_type: the reference of rows named as its variants. sheet: of
    an Excel workbook; by default the first that isn't empty."""

    target: str | None = None
    column: str | None = None
    round: int = Field(0, ge=0)
    sheet: str | None = None


class BacktestSettings(Reading):
    """Settings that `ProposeSettings` has too mean the same. batch, rounds: items of a plate, and plates of a campaign,
    the random first one included. repeats: campaigns of each method, with other first plates. methods:
    propose, greedy, one-shot and random; none means all. threshold: fraction of the best value up to which the summary
    counts the measured items."""

    target: str | None = None
    column: str | None = None
    minimize: bool = False
    batch: int = Field(96, ge=1)
    rounds: int = Field(5, ge=2)
    repeats: int = Field(10, ge=1)
    methods: tuple[str, ...] = ()
    threshold: float = Field(0.9, gt=0, le=1)
    acquisition: str = "thompson"
    surrogate: str = "auto"
    scale: str = "auto"
    exploration: float | None = Field(None, ge=0)
    maximum_similarity: float = Field(1.0, gt=0, le=1)
    maximum_share: float = Field(1.0, gt=0, le=1)
    diversity: float = Field(0.0, ge=0)
    hit: float | None = Field(None, allow_inf_nan=False)
    sheet: str | None = None


class ReplaySettings(Settings):
    """threads: CPU cores to use; 0 is every core. The other resources are those of the record."""

    threads: int = Field(0, ge=0)


class EvaluateSettings(Resources):
    """against: a dataset card and its split, `set/test`, a file, or a folder of files. form: the form of the items to
    evaluate, such as "structures" of molecules; without it, a folder in `against` that only a form reads has this form.

    calibrate: property -> values that are requested of `model`; each is compared with `draws` raw draws.
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
    """model: by default the domain's shipped one. column: the item's column of a file."""

    model: str | None = None
    column: str | None = None


class DecodeSettings(Resources):
    """model: the one that made the latents; by default the domain's shipped one. where: conditions of the decoder."""

    model: str | None = None
    where: tuple[str, ...] = ()


class InterpolateSettings(Resources):
    """model: by default the domain's shipped one. include: properties of the interpolated items."""

    model: str | None = None
    include: tuple[str, ...] = ()


class MapSettings(Reading):
    """The latent map of items. data: a file of items, a dataset's name, a prepared folder, or an .npz file of `encode`;
    None means draws of the model, as many as `limit` says, 1,000 by default.
    model: by default the domain's shipped one. column: the item's column of a file.
    include: properties of the items to compute. colour_by: a property, or a column of the file.
    along: whether the first axis is the direction in which the values of `colour_by` grow; else the map is the plane of
    largest variance. projection: "pca" for these planes, or "umap", which keeps neighbours together instead.
    """

    data: str | None = None
    model: str | None = None
    column: str | None = None
    include: tuple[str, ...] = ()
    colour_by: str | None = None
    along: bool = False
    projection: Literal["pca", "umap"] = "pca"


class PredictSettings(Resources):
    """wild_type: the reference of rows that are named as its variants, as text or a file. column: the item's column.
    timeout_s: longest time for one item, in seconds."""

    wild_type: str | None = None
    column: str | None = None
    timeout_s: float = Field(ITEM_TIMEOUT_S, gt=0)


class ScoreSettings(PredictSettings):
    """names: properties and oracles; by default all properties, or with `model` its scores. predictors: name ->
    folder. model: a model whose oracles can be used (galaxies: anomaly). cache: as in `OptimizeSettings`.
    """

    names: tuple[str, ...] = ()
    predictors: dict[str, str] = {}
    model: str | None = None
    cache: str | None = None


class SequencesSettings(Resources):
    """n: sequences of each item. temperature: of their draws. keep_positions: numbers of residues whose letters in the
    file stay, such as "10-20,35"; "known" keeps all that the file knows.
    oracles: programs. `design` draws the sequences, in place of the domain's own network: it reads one item and writes
    plain items. `fold` predicts structures: it reads plain items and writes a file or a folder of structures.
    alignment, model: of a family, whose scores are added; a model of the alignment is trained first. column: the item's
    column of a table. timeout_s: longest time for the draws of one item, in seconds, unless a program draws.
    """

    n: int = Field(8, ge=1)
    temperature: float = Field(0.1, gt=0)
    keep_positions: str = ""
    oracles: dict[Literal["design", "fold"], ProgramSettings] = {}
    alignment: str | None = None
    model: str | None = None
    column: str | None = None
    timeout_s: float = Field(600.0, gt=0)


class VariantScoringSettings(Resources):
    """alignment: of a family, on which a model is trained first; model: a trained one instead. wild_type: the reference
    of the variants, if only predictors (name -> folder) score them. column: of the variants' names. classify: add the
    domain's classes, which depend on the scores of all single changes. settings, training: of the alignment's model,
    such as {members: 1} and {steps: 300}.
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
    """tasks: of the suite, by default all. methods: of search, by default only the default method. budget: distinct
    scored items for each task and seed. seeds: number of runs of each task, with seeds 0, 1 ... domain: by default the
    one that has the suite. model: its latent space is searched; by default the domain's shipped one. predictors: name
    of an oracle that is a classifier (molecules: `pmo:drd2`) -> folder.
    """

    tasks: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    budget: int = Field(10_000, ge=1)
    seeds: int = Field(5, ge=1)
    domain: str | None = None
    model: str | None = None
    predictors: dict[str, str] = {}


class VariantsSettings(Settings):
    """variants: whose effects a family's model predicts: "all-singles", or a file. classify: whether to add classes."""

    variants: str = "all-singles"
    classify: bool = False


class ReportSettings(Settings):
    """colour_by: the colours of training items on the latent map: one of their numbers; a label that the domain reads
    from their names (proteins: `taxon`); or a table with the columns `name` and a label."""

    title: str | None = None
    colour_by: str | None = None
    candidates: int = Field(100, ge=1)


class RunSettings(Settings):
    """One workflow: a section for each verb. `name` is the folder in `results/<domain>/`.

    structures: the ending of the candidates' structure file, such as .sdf; None writes tables only. complete: a second
    model of the same source, which generates structures of candidates; by default the domain makes them. propose: the
    next plate for a lab. variants: their effects by the trained model and predictors, for models of a family. gpus:
    number of GPUs of a training; other steps use one at most. container: the image of steps with `--sdm apptainer`.
    """

    domain: str
    name: str = "default"
    results: str = "results"
    structures: str | None = None
    seed: int = Field(0, ge=0)
    device: Device = "auto"
    threads: int = Field(0, ge=0)
    gpus: int = Field(0, ge=0)
    container: str | None = None
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


def _has_huge(value: Any) -> bool:
    """Whether a setting is, or holds, a whole number beyond 64 bits, which libraries cannot hold."""
    if isinstance(value, Mapping | list | tuple):
        return any(map(_has_huge, value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, int) and bool(abs(value) >> 63)


def build_settings(record: type[Record], values: Mapping[str, Any], place: str = "") -> Record:
    """`record(**values)`, with a readable error."""
    if huge := next((name for name, value in values.items() if _has_huge(value)), None):
        raise ConfigError(f"{place or 'Settings'}: '{huge}': Expected a whole number below 2^63, got more digits.")
    try:
        return record.model_validate(dict(values))
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
    if problem["type"] == "tuple_type":
        return f"'{name}': {_not_texts(problem['input'])}"
    return f"'{name}': {problem['msg']}, got {problem['input']!r}"


def _not_texts(given: object) -> str:
    """What to write instead of something that is neither a text nor a list."""
    remedy = ""
    if isinstance(given, Mapping):  # {"logp": 2}
        remedy = f". Write {[f'{key} = {value}' for key, value in given.items()]}"
    return f"Expected one value or a list of them, got {given!r}{remedy}"


def _known_keys(record: type[BaseModel], path: list[str]) -> list[str]:
    """The keys of the nested record at `path`, which may contain names chosen by the user (`predict.activity`)."""
    for part in path:
        field = record.model_fields.get(part)
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        nested = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
        record = next(nested, record)
    return sorted(field.alias or name for name, field in record.model_fields.items())


LARGEST_CONFIG = 1 << 24
"""Bytes of a config file; a device has no end."""


def _content(place: str) -> str:
    given_open = place.startswith(("/dev/stdin", "/dev/fd/", "/proc/self/fd/"))  # as `<(command)` in a shell
    if Path(place).exists() and not Path(place).is_file() and not given_open:
        raise ConfigError(f"Expected a config file at {place}, found {found_at(place)}.")
    with open(place, "rb") as file:
        content = file.read(LARGEST_CONFIG + 1)
    if len(content) > LARGEST_CONFIG:
        raise ConfigError(f"Expected a config file of at most {LARGEST_CONFIG >> 20} MiB, {place} is larger.")
    return content.decode("utf-8-sig")


def read_settings(text: str) -> dict[str, Any]:
    """A mapping from YAML or JSON text, or from a file given as `@path`."""
    place = text[1:] if text.startswith("@") else "`settings`"
    try:
        values = parse_yaml(_content(place) if text.startswith("@") else text)
    except FileNotFoundError:
        raise ConfigError(f"Expected a config file at {place}, found none.") from None
    except (ValueError, OSError) as error:
        raise ConfigError(f"Expected YAML in {place}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"Expected `key: value` lines or {{key: value}} in {place}, got '{str(values)[:60]}'.")
    return values
