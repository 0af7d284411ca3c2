"""Settings of searches, of programs that score items, and of design rounds."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from sciencegen.config.base import (
    BATCH_SIZE,
    BLOCKS,
    CACHE,
    COLUMN,
    COMPLETE,
    FORBID,
    INCLUDE,
    KEEP,
    LIMIT,
    MAXIMUM_STEPS,
    MODEL,
    NO_FLAG,
    OFFLINE,
    ONLY_INSIDE,
    PLAUSIBLE,
    PREDICTORS,
    SAMPLE,
    SEED,
    THREADS,
    WILD_TYPE,
    Batched,
    Column,
    Device,
    Flag,
    Further,
    HasFurther,
    Include,
    OracleSettings,
    Plausible,
    Predictors,
    Reading,
    Resources,
)
from sciencegen.errors import ConfigError

# Settings of searches, and of programs that score items.

METHODS = ("evolution", "latent_evolution", "bayes", "cma", "ascent", "hill_climb", "prior")
"""The names in `optimization.search`, repeated here because importing it takes seconds."""


class OptimizeFurther(Further):
    """Further settings of `optimize`, and those of its search methods."""

    lower_bounds: Annotated[bool, NO_FLAG] = Field(
        True,
        description="Rate a score by the worse end of its interval, if it has one, so that the search avoids items for "
        "which a prediction is uncertain; if false, by the value alone.",
    )
    maximum_similarity: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Largest similarity of two candidates. [default: 0.7; crystals: 0.9; galaxies: 0.95; arrays: 0.99; "
        "proteins: 1]",
    )
    maximum_share: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Greatest share of the candidates, and of a search's parents, in one class (molecules: scaffold, "
        "how rings are joined), if others meet the goals; 1 is no limit. [default: 0.1 where the domain has classes, "
        "as molecules]",
    )
    cache: str | None = CACHE
    maximum_steps: int = MAXIMUM_STEPS
    batch_size: int = BATCH_SIZE
    initial: int | None = Field(
        None,
        description="Draws scored before the first round, a quarter of it if there are start items. [default: 100]",
    )
    population: int | None = Field(None, description="Best distinct items that are kept as parents. [default: 60]")
    batch: int | None = Field(
        None, description="Items scored in a round, at least 50 by bayes and ascent. [default: 30]"
    )
    screen: int | None = Field(
        None, description="Children for each scored one, among which a surrogate chooses; 1 is all. [default: 8]"
    )
    generations: int | None = Field(None, description="Generations of these children. [default: 2]")
    patience: int | None = Field(
        None, description="Rounds without a new item after which the search stops. [default: 30]"
    )
    step: float | None = Field(
        None, description="First step of cma, in standard deviations of the latent. [default: 0.5]"
    )

    @property
    def of_method(self) -> dict[str, int | float]:
        """Settings of the search method that are given."""
        return self.model_dump(include=set(ONLY_INSIDE), exclude_none=True)


class OptimizeSettings(Resources, HasFurther):
    """Settings of `optimize`."""

    goals: Annotated[tuple[str, ...], Flag("--goal")] = Field(
        (),
        description='"maximize a", "b <= 3", "c in 1..3", "similarity to X >= 0.4" (names: `sciencegen properties '
        "DOMAIN`). Repeatable. A predictor's value counts by the worse end of its interval: the lower end for maximize "
        "and >=, the upper end for minimize and <=.",
    )
    where: tuple[str, ...] = Field(
        (),
        description='A condition under which the model draws, and which each candidate meets: "name in 40..90". '
        "Repeatable. A model that is conditioned on a property finds such items faster than by a goal.",
    )
    method: str = Field("evolution", description=f"{', '.join(METHODS)}, or an installed plugin.")
    budget: int = Field(5000, ge=1, description="Maximum number of distinct items to score.")
    n: Annotated[int, Flag("-n")] = Field(100, ge=1, description="Candidates to return.")
    model: str | None = MODEL
    start: tuple[str, ...] = Field(
        (),
        description="An item to start from, in addition to draws of the model, or a file of them. Repeatable. "
        "[default: the model's own, if any]",
    )
    predictors: Predictors = PREDICTORS
    oracles: Annotated[dict[str, OracleSettings], NO_FLAG] = Field(
        {}, description="External programs that score items, by name."
    )
    keep: tuple[str, ...] = KEEP
    forbid: tuple[str, ...] = FORBID
    controls: Annotated[tuple[str, ...], Flag("--control", commas=True)] = Field(
        (),
        description="Methods to run at the same budget, for comparison, a,b. Candidates are the best of what all of "
        "them scored.",
    )
    training: str | None = Field(
        None,
        description="Items that count as known, as those of predictors do: a table, file or dataset. [default: the "
        "model's own]",
    )
    novel: Annotated[bool, Flag("--allow-known")] = Field(
        True, description="Return items of the training data too, of the model and of predictors."
    )
    plausible: Plausible = PLAUSIBLE
    include: Include = INCLUDE
    complete: str | None = COMPLETE
    blocks: str | None = BLOCKS
    settings: Annotated[OptimizeFurther, Flag("--set")] = Field(
        OptimizeFurther(), description="A further setting, name=value; some are of the search method. Repeatable."
    )

    @property
    def criteria(self) -> list[str]:
        """Goals and conditions."""
        return [*self.goals, *self.where]


class BenchmarkSettings(Batched):
    """Settings of `benchmark`."""

    tasks: Annotated[tuple[str, ...], Flag(commas=True)] = Field(
        (), description="Tasks of the suite, a,b,c. [default: all but those that lack a classifier]"
    )
    methods: Annotated[tuple[str, ...], Flag("--method", commas=True)] = Field(
        (), description=f"Search methods, a,b,c. [default: {METHODS[0]}]"
    )
    budget: int = Field(10_000, ge=1, description="Distinct items to score for each task and seed.")
    seeds: int = Field(5, ge=1, description="Runs of each task, with seeds 0, 1, ...")
    domain: str | None = Field(None, description="The domain. [default: the one that has this suite]")
    model: str | None = MODEL
    predictors: Predictors = Field(
        {}, description="The classifier of a task, a predictor of labels: pmo:drd2=FOLDER. Repeatable."
    )


# Settings of design rounds.

# Fields of proposals and of backtests, whose campaigns choose plates in the same way.

MINIMIZE = Field(False, description="Smaller values are better.")
ACQUISITION = Field(
    "thompson",
    description="How items are chosen: thompson (as often as each is likely the best), ucb (upper confidence bound), "
    "noisy-ei (expected improvement per cost) or greedy (best predictions, for a last plate).",
)
HIT = Field(
    None,
    allow_inf_nan=False,
    description="A value at least as good counts as a hit in the forecast of hits. [default: that of the measured wild "
    "type or best control, or where it is better that of the best tenth of the measured items]",
)
PARAMETERS = Field(
    (),
    description="A process parameter, which is a column beside the item, and its allowed values: 'temperature in "
    "25,30,37', 'temperature in 20..40 by 5', 'solvent in DMSO,EtOH'. 'else 30' at the end says the value of rows "
    "that don't state one. Repeatable. One model learns from all values.",
)
SHEET = Field(None, description="Sheet of an Excel workbook (.xlsx). [default: the first that isn't empty]")


class PickingFurther(Further):
    """How plates are picked, and which rows of a dataset are read: of proposals and of backtests."""

    surrogate: str = Field(
        "auto", description="Regression model: gp, ensemble or auto (by cross-validated likelihood)."
    )
    scale: Annotated[str, NO_FLAG] = Field(
        "auto", description="Scale of the target: linear, log, log-from-above, saturating or auto."
    )
    exploration: Annotated[float | None, NO_FLAG] = Field(
        None,
        ge=0,
        description="Factor of the posterior's standard deviation for thompson. [default: by --rounds, else 1.4]",
    )
    maximum_similarity: float = Field(1.0, gt=0, le=1, description="Largest similarity of two items on the plate.")
    maximum_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Largest share of the plate with the same feature (proteins: a mutation; molecules: a scaffold or "
        "a ring pattern). 0.25 spreads the risk.",
    )
    diversity: float = Field(0.0, ge=0, description="Penalty on items similar to chosen ones; 1 is strong.")
    sample: Annotated[bool | None, NO_FLAG] = SAMPLE
    limit: Annotated[int | None, NO_FLAG] = LIMIT
    offline: Annotated[bool, NO_FLAG] = OFFLINE
    batch_size: Annotated[int, NO_FLAG] = BATCH_SIZE


class ProposeFurther(PickingFurther):
    """Further settings of `propose`."""

    prior_target: str | None = Field(
        None, description="Column of values in --prior. [default: that of --target, or a journal's own]"
    )
    sharing: float = Field(
        0.2,
        ge=0,
        le=1,
        description="With --blocks: how far below the best a candidate's value may be, if it needs fewer blocks and "
        "intermediates that the plate doesn't use yet. A share of the distance to the median candidate; 0 is off.",
    )
    breeding: Annotated[dict[str, Any], NO_FLAG] = Field(
        {}, description="Options of candidates without a pool: children, generations, parents, draws."
    )
    maximum_changes: int = Field(
        2,
        ge=1,
        description="Molecules: most changes (a substituent, a linker) that lead from a measured item to a candidate.",
    )
    random_moves: bool = Field(
        False,
        description="Molecules: candidates also come from random changes of atoms and bonds and from crossover.",
    )
    keep_core: bool = Field(
        True,
        description="Molecules: candidates needn't hold the core that the best tenth of the measured items share.",
    )
    new_alerts: bool = Field(
        False,
        description="Molecules: candidates may have structural alerts that no good measured item has, and groups that "
        "are oxidized to something reactive (catechols, furans ...) that no measured item has.",
    )
    new_positions: bool = Field(
        False,
        description="Molecules: candidates may have a group at a ring position that 8 or more measured items leave "
        "free.",
    )
    property_quantile: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Molecules: logp and mw of candidates are at most this quantile of the measured items; logp also "
        "at most 5, unless most good items exceed that. 0 is no limit.",
    )
    minimum_similarity: float = Field(
        0.4, ge=0, le=1, description="Molecules: least similarity of a candidate to a measured item."
    )
    maximum_steps: int = MAXIMUM_STEPS
    fill: str = Field("rows", description="Order of the wells: rows, columns, or random, rows in random order.")
    edge_wells: Annotated[bool, Flag("--no-edge-wells")] = Field(
        True, description="Leave out the outermost rows and columns of the plate."
    )
    control_wells: tuple[str, ...] = Field(
        (),
        description="Wells of a control on each plate, 'A1,H12=WT'; 'A12=' leaves a well empty. Repeatable. [default: "
        "controls are spread evenly]",
    )
    change_cost: float = Field(
        0.0,
        ge=0,
        description="How much better, in the target's unit, the best item of a plate must be expected to be for each "
        "--per-plate parameter that isn't as on the last plate.",
    )
    control_copies: int = Field(1, ge=1, description="Wells on each plate of each control without stated wells.")


class ProposeSettings(Resources, HasFurther):
    """Settings of `propose`."""

    measured: tuple[str, ...] = Field(
        (), description="A table of items and their measured values, or a dataset's name. Repeatable, oldest first."
    )
    journal: str | None = Field(None, description="The campaign's table of all proposals and measurements (CSV).")
    target: str | None = Field(
        None, description="The column of measured values. [default: that of the journal, else value]"
    )
    minimize: bool = MINIMIZE
    goals: Annotated[tuple[str, ...], Flag("--goal")] = Field(
        (),
        description="In place of --target, for several measured columns: 'maximize activity', 'minimize toxicity', "
        "'stability >= 1'. Repeatable. Each column has a model of its own. Plates are picked by expected hypervolume "
        "improvement.",
    )
    prior: tuple[str, ...] = Field(
        (),
        description="Earlier measurements of a related target: a table, a dataset or a journal. They are used if they "
        "predict what is measured. Repeatable.",
    )
    parameters: Annotated[tuple[str, ...], Flag("--parameter")] = PARAMETERS
    per_plate: tuple[str, ...] = Field(
        (), description="A parameter with one value for all items of the plate. Repeatable."
    )
    batch: Annotated[int, Flag("--batch", "-n")] = Field(96, ge=1, description="Number of items on the plate.")
    pool: str | None = Field(
        None, description="The only candidates: a file, or a dataset's name. [default: they are generated]"
    )
    model: str | None = Field(None, description="A generative model that adds candidates.")
    acquisition: str = ACQUISITION
    rounds: int | None = Field(None, ge=1, description="Planned number of rounds: early ones explore more.")
    keep: tuple[str, ...] = KEEP
    forbid: tuple[str, ...] = FORBID
    plausible: Plausible = PLAUSIBLE
    space: dict[str, Any] = Field(
        {},
        description="An option of the design space, name=value. Repeatable. Proteins: positions=39-41,54, "
        "residues=AVLI (or '39:AVLI 40:*'), maximum_mutations=4, structure=1pga.pdb:A with exposure=0.25.. (surface "
        "residues).",
    )
    start: tuple[str, ...] = Field(
        (),
        description="An item to start from while none is measured, or a file of them. [default: the wild type]",
    )
    also: tuple[str, ...] = Field(
        (), description="A file of additional candidates, such as the output of optimize. Repeatable."
    )
    controls: Annotated[tuple[str, ...], Flag("--control")] = Field(
        (),
        description="A control, which is always on the plate, such as WT with --wild-type; it counts among the "
        "--batch. Repeatable.",
    )
    where: tuple[str, ...] = Field(
        (),
        description="A condition on every proposed item: 'logp <= 3', or 'NAME in domain' for a --predictor. "
        "Repeatable.",
    )
    cost: str | None = Field(
        None,
        description="Column of costs in --pool, also those of controls. noisy-ei weighs them; other acquisitions only "
        "keep --cost-limit.",
    )
    cost_limit: float | None = Field(None, gt=0, description="Largest cost of the whole plate. [default: no limit]")
    column: Column = COLUMN
    predictors: Predictors = Field(
        {},
        description="A trained predictor, NAME=FOLDER. Repeatable. Its predictions and domain are added to the table; "
        "only --where chooses by them.",
    )
    hit: float | None = HIT
    sheet: str | None = SHEET
    order_sheet: bool = Field(
        False,
        description="Write each item once with what a supplier needs, beside the plate with .order.csv. Proteins: DNA "
        "in a host's codons. Molecules: routes, with --blocks.",
    )
    order: dict[str, Any] = Field(
        {},
        description="An option of the order sheet, name=value. Repeatable. Proteins: host=e_coli (or yeast, human, "
        "b_subtilis), avoid=BsaI,NdeI (restriction sites), stop=false.",
    )
    wild_type: str | None = WILD_TYPE
    blocks: str | None = BLOCKS

    plate: int | None = Field(
        None,
        description="Wells of a microplate, 96 or 384: adds the columns plate and well, and a row for each well. "
        "[default: no layout]",
    )
    replicates: int = Field(1, ge=1, description="Wells of each item; further copies are in random order.")
    picklist: tuple[str, ...] = Field(
        (),
        description="Write the transfers from stock plates, for a liquid handler: echo, opentrons. The file is the "
        "plate's with .echo.csv or .opentrons.csv. Repeatable.",
    )
    transfer_volume: float | None = Field(
        None, gt=0, description="Volume of each transfer in nL; on an Echo a multiple of 2.5."
    )
    stocks: dict[str, Any] = Field(
        {},
        description="An option of the stock plates, name=value: size (384 or 96), echo_type, labware, "
        "destination_labware, height (in mm). Repeatable.",
    )
    settings: Annotated[ProposeFurther, Flag("--set")] = Field(
        ProposeFurther(), description="A further setting, name=value. Repeatable."
    )

    @model_validator(mode="after")
    def _has_volume(self) -> Self:
        if self.picklist and self.transfer_volume is None:
            raise ConfigError(
                "Expected the volume of a transfer with `picklist`, got none. Pass `transfer_volume` in nL."
            )
        return self


class RecordSettings(Reading):
    """Settings of `record`."""

    target: tuple[str, ...] | None = Field(
        None, description="A column of measured values. Repeatable. [default: those of the journal, else value]"
    )
    column: Column = COLUMN
    parameters: Annotated[tuple[str, ...], Flag("--parameter")] = Field(
        (), description="A column of a process parameter. Repeatable. [default: those of the journal]"
    )
    round: int = Field(0, ge=0, description="Round of rows that have none and weren't proposed.")
    withdraw: int | None = Field(
        None,
        description="Instead of RESULTS: the round of a plate that won't be measured. Its items may return.",
    )
    sheet: str | None = SHEET


class BacktestFurther(PickingFurther):
    """Further settings of `backtest`, those of the proposals."""

    acquisition: str = ACQUISITION
    hit: float | None = HIT
    sheet: str | None = SHEET
    device: Annotated[Device, NO_FLAG] = Field("auto", description="auto, cpu, cuda or mps.")


class BacktestSettings(HasFurther):
    """Settings of `backtest`."""

    seed: int = SEED
    threads: int = THREADS
    wild_type: str | None = WILD_TYPE
    target: str | None = Field(None, description="The column of measured values. [default: value]")
    column: Column = COLUMN
    minimize: bool = MINIMIZE
    parameters: Annotated[tuple[str, ...], Flag("--parameter")] = PARAMETERS
    batch: Annotated[int, Flag("--batch", "-n")] = Field(96, ge=1, description="Number of items on a plate.")
    rounds: int = Field(5, ge=2, description="Plates of a campaign, the random first one included.")
    repeats: int = Field(10, ge=1, description="Campaigns of each method, with other first plates.")
    methods: Annotated[tuple[str, ...], Flag("--method", commas=True)] = Field(
        (), description="What to compare: propose, greedy, one-shot, random, as a,b,c. [default: all]"
    )
    threshold: float = Field(
        0.9, gt=0, le=1, description="Fraction of the best value up to which the summary counts measured items."
    )
    settings: Annotated[BacktestFurther, Flag("--set")] = Field(
        BacktestFurther(), description="A further setting of the proposals, name=value. Repeatable."
    )
