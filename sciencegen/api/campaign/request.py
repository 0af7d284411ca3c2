"""What a design round was asked for: settings that were looked up and checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
        The item's column.
    threads : int
    sample, limit, offline
        As of `config.Reading`, for datasets by name.
    """

    target: str
    column: str | None = None
    threads: int = 0
    sample: bool | None = None
    limit: int | None = None
    offline: bool = False

    @classmethod
    def of(cls, settings: ProposeSettings | RecordSettings) -> MeasurementReading:
        """As a verb's settings say."""
        return cls(
            settings.target, settings.column, settings.threads, settings.sample, settings.limit, settings.offline
        )


@dataclass(frozen=True)
class HistorySources:
    """Where measurements come from: tables or datasets by name, and the campaign's journal."""

    tables: tuple[str, ...]
    journal: str | None
    reading: MeasurementReading


@dataclass(frozen=True)
class SuppliedCandidates:
    """Candidates that the user supplies.

    Parameters
    ----------
    pool : str, optional
        A file or dataset that holds all candidates.
    also : tuple of str
        Tables of candidates beside those that are made.
    column : str, optional
        The item's column of the pool.
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
    """What every proposal must and must not hold."""

    keep: tuple[str, ...]
    forbid: tuple[str, ...]


@dataclass(frozen=True)
class PlateOptions:
    """The plate itself: settings of the picks but for exploration, how many rounds there will be, and the seed."""

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
        Options of the domain's design space, the reference read.
    space : DesignSpace, optional
        None without options, or while it is to be made of measured items.
    history : HistorySources
    supplied : SuppliedCandidates
    patterns : Patterns
    goals : sequence of Goal
        Constraints that every proposal must meet.
    predictors : mapping
        Name -> oracle of a trained predictor.
    start, controls : sequence
        Items to begin from where nothing is measured, and items that are on the plate in any case.
    model : LoadedModel, optional
        A generative model that makes candidates.
    model_name : str
        As the user named it, "" without one.
    plate : PlateOptions
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

    @property
    def reference(self) -> Reference | None:
        """What the user named as the reference of the design space."""
        return None if self.space is None else self.space.reference

    @property
    def target(self) -> str:
        """The column of measured values."""
        return self.history.reading.target

    @property
    def minimize(self) -> bool:
        """Whether less of the target is better."""
        return self.plate.campaign.minimize
