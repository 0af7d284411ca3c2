"""The request for a design round: checked settings with everything that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sciencegen.api.campaign.layout import Layout
from sciencegen.api.sources.blocks import Blocks
from sciencegen.api.writing.order_sheets import OrderSheet
from sciencegen.config import ProposeSettings, RecordSettings
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import DesignSpace, Reference
from sciencegen.items import Item
from sciencegen.optimization.campaign_settings import CampaignSettings
from sciencegen.optimization.goals import Goal
from sciencegen.scoring.oracles import Oracle

if TYPE_CHECKING:  # torch takes seconds to import
    from sciencegen.api.models.folder import LoadedModel


@dataclass(frozen=True)
class MeasurementReading:
    """How tables of measurements are read.

    Parameters
    ----------
    target : str
        The column of measured values; `<target>_sd` holds standard errors.
    column : str, optional
        The column of items.
    threads : int
    sample, limit, offline
        As in `config.Reading`, for datasets by name.
    sheet : str, optional
        Of Excel workbooks; by default the first sheet that isn't empty.
    several : bool
        Whether the campaign has several targets: tables may lack this one, and of the journal only its entries count.
    plates : mapping
        Proposed items by round and place, for tables that hold the ids of a plate in place of items.
    """

    target: str
    column: str | None = None
    threads: int = 0
    sample: bool | None = None
    limit: int | None = None
    offline: bool = False
    sheet: str | None = None
    several: bool = False
    plates: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: ProposeSettings | RecordSettings, target: str) -> MeasurementReading:
        """From the settings of a verb, and the campaign's target."""
        reading = settings.sample, settings.limit, settings.offline
        return cls(target, settings.column, settings.threads, *reading, sheet=settings.sheet)


@dataclass(frozen=True)
class HistorySources:
    """Where measurements come from: tables or datasets by name, and the campaign's journal."""

    tables: tuple[str, ...]
    journal: str | None
    reading: MeasurementReading


@dataclass(frozen=True)
class PriorSources:
    """Sources of earlier measurements, and the column of their values; None means that of the campaign, or of a
    journal."""

    sources: tuple[str, ...]
    target: str | None


NO_PRIORS = PriorSources((), None)


@dataclass(frozen=True)
class SuppliedCandidates:
    """Candidates that the user supplies.

    Parameters
    ----------
    pool : str, optional
        A file or dataset that holds all candidates.
    also : tuple of str
        Tables of candidates in addition to generated ones.
    column : str, optional
        The pool's column of items.
    cost : str, optional
        The pool's column of costs.
    threads : int
    """

    pool: str | None
    also: tuple[str, ...]
    column: str | None
    cost: str | None
    threads: int


@dataclass(frozen=True)
class Patterns:
    """Patterns that every proposal must (`keep`) and must not (`forbid`) contain, and whether it must be plausible."""

    keep: tuple[str, ...]
    forbid: tuple[str, ...]
    plausible: bool


@dataclass(frozen=True)
class PlateOptions:
    """Options of the plate: size, settings except exploration, planned number of rounds, and the seed."""

    batch: int
    campaign: CampaignSettings
    exploration: float | None
    rounds: int | None
    seed: int


@dataclass(frozen=True)
class ProposeRequest:
    """A design round, resolved.

    Parameters
    ----------
    domain : Domain
    space_options : mapping
        Options of the domain's design space, with the reference parsed.
    space : DesignSpace, optional
        None without options, or if it will be built from measured items.
    history : HistorySources
    supplied : SuppliedCandidates
    patterns : Patterns
    goals : sequence of Goal
        Constraints that every proposal must meet.
    predictors : mapping
        Name -> oracle of a trained predictor.
    start, controls : sequence
        Items to start from if nothing is measured, and items that are always on the plate.
    model : LoadedModel, optional
        A generative model that makes candidates.
    model_name : str
        As the user named it, "" without one.
    plate : PlateOptions
    blocks : Blocks, optional
        Building blocks that every proposal is made from.
    layout : Layout, optional
        The wells that the plate is laid out in.
    order : OrderSheet, optional
        The order sheet to write.
    targets : sequence of Goal
        Objectives and constraints on measured columns, of a campaign with several; empty otherwise.
    priors : PriorSources
        Earlier measurements of other targets.
    """

    domain: Domain
    space_options: Mapping[str, object]
    space: DesignSpace | None
    history: HistorySources
    supplied: SuppliedCandidates
    patterns: Patterns
    goals: Sequence[Goal]
    predictors: Mapping[str, Oracle]
    start: Sequence[Item]
    controls: Sequence[Item]
    model: LoadedModel | None
    model_name: str
    plate: PlateOptions
    blocks: Blocks | None = None
    layout: Layout | None = None
    order: OrderSheet | None = None
    targets: Sequence[Goal] = ()
    priors: PriorSources = NO_PRIORS

    @property
    def reference(self) -> Reference | None:
        """The reference of the design space, if the user named one."""
        return None if self.space is None else self.space.reference

    @property
    def target(self) -> str:
        """The column of measured values."""
        return self.history.reading.target

    @property
    def minimize(self) -> bool:
        """Whether smaller values of the target are better."""
        return self.plate.campaign.minimize
