"""The domain's oracles by name: every property, those of a Sérsic profile's fit, and the similarity to a stamp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sciencegen.domains.galaxies.files import parse
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.properties import PROPERTIES, measure
from sciencegen.domains.galaxies.sersic_fit import FITTED, SersicFit, at_limit, fit_sersic
from sciencegen.domains.galaxies.similarity import similarity
from sciencegen.domains.oracles import SIMILARITY_PREFIX, property_oracle, similarity_oracle
from sciencegen.errors import unknown_name
from sciencegen.items import Direction
from sciencegen.scoring.oracles import Oracle, Score

NOT_GOALS = {
    "log_likelihood": "it tells how faint and how noisy a stamp is before anything else. Ask for 'anomaly <= 2' instead"
}
"""Name that can't be a goal or condition -> reason."""


@dataclass(frozen=True)
class FitOracle:
    """Oracle of a parameter of the fitted Sérsic profile; the index has its 90% interval."""

    name: str
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[Stamp]) -> list[Score]:
        return [self._score(fit_sersic(stamp)) for stamp in items]

    def _score(self, fit: SersicFit | None) -> Score:
        if fit is None:
            return Score(None, failure="no Sérsic profile can be fitted")
        if self.name == "sersic_index" and at_limit(fit.index):
            return Score(None, failure=f"the fit ends at the limit of indices, {fit.index:.2g}: no profile fits")
        bounds = (fit.lower, fit.upper) if self.name == "sersic_index" else (None, None)
        return Score(getattr(fit, FITTED[self.name][0]), *bounds)


def oracle(name: str) -> Oracle:
    """A built-in oracle by name; also "similarity to <stamps.fits[3]>"."""
    if name in PROPERTIES:
        return property_oracle(PROPERTIES[name], measure)
    if name in FITTED:
        return FitOracle(name, FITTED[name][1])
    if name.startswith(SIMILARITY_PREFIX):
        other = name.removeprefix(SIMILARITY_PREFIX)
        return similarity_oracle("galaxy", other, parse, lambda stamp: other, similarity)
    raise unknown_name("property of galaxies", name, oracle_names())


def oracle_names() -> list[str]:
    """Names of the properties and of the fitted parameters; `similarity to ...` is not listed."""
    return [*PROPERTIES, *FITTED]
