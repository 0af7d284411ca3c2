"""Settings of searches, and of programs that score items."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from sciencegen.config.base import BuildingBlocks, Resources, Settings


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


class OptimizeSettings(Resources, BuildingBlocks):
    """goals: "maximize qed", "sa <= 3", "logp in 1..3", "similarity to X >= 0.4". where: conditions under which the
    model draws, and which each candidate meets. budget: distinct scored items.
    predictors: name -> folder. controls: baseline methods that are run with the same budget, for comparison;
    candidates are the best of what all methods scored.
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
    where: tuple[str, ...] = ()
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

    @property
    def criteria(self) -> list[str]:
        """Goals and conditions."""
        return [*self.goals, *self.where]


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
