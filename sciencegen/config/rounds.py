"""Settings of design rounds."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from sciencegen.config.base import BuildingBlocks, Reading, WellLayout
from sciencegen.errors import ConfigError


class ProposeSettings(Reading, BuildingBlocks, WellLayout):
    """measured: tables of measured items, or names of datasets, with the column `target`; None means that of the
    journal, else `value`. journal: the table to which a campaign writes all proposals and measurements. batch: number
    of items on the plate. minimize: whether smaller values of the target are better.
    goals: objectives and constraints on measured columns, "maximize activity", "toxicity <= 2". Each column is a target
    with a model of its own, and with more than one goal plates are picked by expected hypervolume improvement.
    prior: tables, datasets or journals with earlier measurements of a related target, in the column `prior_target` (by
    default that of the target, or a journal's own); they are used if they predict what is measured.
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
    maximum_share: greatest share of the plate with a common letter at a position, a common scaffold, or a common ring
    pattern. diversity: penalty on candidates similar to those already picked.
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
    goals: tuple[str, ...] = ()
    prior: tuple[str, ...] = ()
    prior_target: str | None = None
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

    @model_validator(mode="after")
    def _has_volume(self) -> Self:
        if self.picklist and self.transfer_volume is None:
            raise ConfigError(
                "Expected the volume of a transfer with `picklist`, got none. Pass `transfer_volume` in nL."
            )
        return self


class RecordSettings(Reading):
    """target: the column of measured values, or several; None: those of the journal, else `value`. column: the item's.
    round: for rows that weren't proposed and have no column `round`. wild_type: the reference of rows named as its
    variants. sheet: of an Excel workbook; by default the first that isn't empty. withdraw: in place of a table, the
    round of a plate that won't be measured."""

    target: tuple[str, ...] | None = None
    column: str | None = None
    round: int = Field(0, ge=0)
    withdraw: int | None = None
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
