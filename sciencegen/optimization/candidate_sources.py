"""Candidates of a plate: from a given pool, or suggested, drawn and bred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.campaign_settings import CampaignSettings
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows, distinct_rows
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.plate_builder import Candidates
from sciencegen.optimization.posterior import Posterior
from sciencegen.optimization.proposers import CampaignSpace, Item, Parents, Proposals, Rating, breed

POOL, START, SUGGESTED, EARLIER = "pool", "start", "offered", "earlier"
"""Sources of candidates, as written in tables."""
MOST_EARLIER = 2000
"""Items of an earlier task that are candidates of the first plate, the best ones."""
OPTIMISM = 1.0
"""Standard deviations added to the means by which parents are rated."""


@dataclass(frozen=True)
class CandidatePool:
    """A finite pool: distinct items, their keys, and the cost of each (above 0)."""

    items: Sequence[Item]
    keys: Sequence[str]
    costs: Float[np.ndarray, " item"]


@dataclass(frozen=True)
class CandidateSources:
    """Where candidates come from, in addition to moves and draws, and what was measured in earlier tasks.

    Parameters
    ----------
    pool : CandidatePool, optional
        If given, it contains all candidates.
    start : sequence
        Items of the first plate, and parents as long as nothing is measured.
    suggestions : sequence
        Further candidates.
    priors : sequence of sequence of Measurement
        Measurements of earlier tasks, which may be related (`transfer`).
    """

    pool: CandidatePool | None = None
    start: Sequence[Item] = ()
    suggestions: Sequence[Item] = ()
    priors: Sequence[Sequence[Measurement]] = ()


@dataclass(frozen=True)
class CandidateMaker:
    """Makes the candidates of one plate. excluded: keys of measured and pending items."""

    space: CampaignSpace
    settings: CampaignSettings
    generator: np.random.Generator
    sources: CandidateSources
    excluded: set[str]

    def candidates(self, items: Sequence[Item], rows: FeatureRows, costs: Float[np.ndarray, " item"]) -> Candidates:
        marks = self.space.marks_of(items, self.settings.plate.maximum_share)
        materials = () if self.space.materials is None else self.space.materials(items)
        return Candidates(items, rows, costs, marks, materials)

    def from_pool(self, pool: CandidatePool) -> tuple[Candidates, list[str]]:
        """The items of the pool that may be proposed, and their sources."""
        self.space.report(f"testing {len(pool.items):,} candidates", 0, None)
        open_places = self.space.acceptable(pool.items, pool.keys, self.excluded)
        items = [pool.items[place] for place in open_places]
        return self.candidates(items, self.space.features(items), pool.costs[open_places]), [POOL] * len(items)

    def bred(
        self, measured: Sequence[Item], means: Float[np.ndarray, " item"], posterior: Posterior
    ) -> tuple[Candidates, list[str]]:
        """Candidates from moves of the measured items, rated by means and deviations."""

        def rating(rows: FeatureRows) -> np.ndarray:
            marginals = posterior.marginals(rows)
            return marginals.mean + OPTIMISM * marginals.deviation

        return self.bred_by(measured, means, rating)

    def bred_by(
        self, measured: Sequence[Item], ratings: Float[np.ndarray, " item"], rating: Rating
    ) -> tuple[Candidates, list[str]]:
        """Candidates from moves of the measured items, one for each distinct row of features."""
        parents = Parents(measured, ratings.tolist(), self.settings.plate.maximum_share)
        found = breed(
            self.space, parents, set(self.excluded), rating, self.settings.breeding, self.generator,
            self._suggestions,
        )  # fmt: skip
        rows = _all_rows(found)
        places = distinct_rows(rows)
        items = [found.items[place] for place in places]
        return self.candidates(items, rows[places], np.ones(len(items))), [found.sources[place] for place in places]

    def for_first_plate(self) -> tuple[list[Item], list[str]]:
        """Start items, then suggestions, draws and moves from the start items in random order; and their sources."""
        space, settings, sources = self.space, self.settings, self.sources
        new = {key: item for item in sources.start if (key := space.key(item)) not in self.excluded}
        distinct = list(new.values())
        first = [distinct[place] for place in space.acceptable(distinct, list(new), set())]
        breeding = replace(settings.breeding, draws=2 * settings.count, children=2 * settings.count, generations=1)
        excluded = self.excluded | set(map(space.key, first))
        parents = Parents(sources.start, [0.0] * len(sources.start))
        found = breed(
            space, parents, excluded, lambda rows: np.zeros(len(rows)), breeding, self.generator, self._suggestions
        )
        order = self.generator.permutation(len(found)).tolist()
        items = [*first, *(found.items[place] for place in order)]
        return items, [START] * len(first) + [found.sources[place] for place in order]

    def by_earlier_task(self, posterior: Posterior, others: Sequence[Item]) -> Proposals:
        """The best items of the first earlier task, and children of them and of the start items, without these others.

        There is one generation, since nothing measured says yet how far the earlier task's model holds."""
        earlier = [one.item for one in self.sources.priors[0]]

        parents = list({self.space.key(item): item for item in [*earlier, *self.sources.start]}.values())
        ratings = posterior.means(self.space.features(parents))
        best = [parents[place] for place in np.argsort(-ratings, kind="stable")[:MOST_EARLIER]]
        breeding = replace(self.settings.breeding, generations=1)
        return breed(
            self.space, Parents(parents, ratings.tolist(), self.settings.plate.maximum_share),
            self.excluded | set(map(self.space.key, others)), posterior.means, breeding, self.generator,
            {EARLIER: best},
        )  # fmt: skip

    @property
    def _suggestions(self) -> dict[str, Sequence[Item]]:
        return {SUGGESTED: self.sources.suggestions}


def _all_rows(found: Proposals) -> FeatureRows:
    return concatenate_rows(found.rows) if found.rows else np.empty((0, 0))
