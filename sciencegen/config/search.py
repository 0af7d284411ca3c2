"""Settings of searches, and of programs that score items."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sciencegen.config.base import (
    CACHE,
    COMPLETE,
    FORBID,
    INCLUDE,
    KEEP,
    MODEL,
    NO_FLAG,
    PLAUSIBLE,
    PREDICTORS,
    BuildingBlocks,
    Flag,
    Include,
    Plausible,
    Predictors,
    Resources,
    Settings,
)

METHODS = ("evolution", "latent_evolution", "bayes", "cma", "ascent", "hill_climb", "prior")
"""The names in `optimization.search`, repeated here because importing it takes seconds."""


class ProgramSettings(Settings):
    """An external program."""

    command: str = Field(description="The program and its arguments, with {input} and {output}.")
    parallel: int = Field(1, ge=1, description="Calls at the same time.")
    batch_size: int = Field(64, ge=1, description="Items of a call.")
    timeout_s: float = Field(3600.0, gt=0, description="Longest time for a call, in seconds.")
    retries: int = Field(1, ge=0, description="Further calls after a failure.")


class OracleSettings(ProgramSettings):
    """An external program that reads items and writes a table with a column of scores."""

    column: str = Field("score", description="The column of scores.")
    input_format: str | None = Field(None, description="Ending of the file of items. [default: the domain's]")
    unit: str = Field("", description="Unit of the scores.")
    direction: Literal["maximize", "minimize"] | None = Field(None, description="Which scores are better.")


class OptimizeSettings(Resources, BuildingBlocks):
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
    lower_bounds: Annotated[bool, NO_FLAG] = Field(
        True,
        description="Rate a score by the worse end of its interval, if it has one, so that the search avoids items for "
        "which a prediction is uncertain; if false, by the value alone.",
    )
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
    maximum_similarity: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Largest similarity of two candidates. [default: 0.7; galaxies: 0.95; proteins: 1]",
    )
    maximum_share: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Greatest share of the candidates, and of a search's parents, in one class (molecules: scaffold, "
        "how rings are joined), if others meet the goals; 1 is no limit. [default: 0.1 where the domain has classes, "
        "as molecules]",
    )
    include: Include = INCLUDE
    complete: str | None = COMPLETE
    cache: str | None = CACHE
    settings: Annotated[dict[str, Any], NO_FLAG] = Field({}, description="Settings of the search method.")

    @property
    def criteria(self) -> list[str]:
        """Goals and conditions."""
        return [*self.goals, *self.where]


class BenchmarkSettings(Resources):
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
