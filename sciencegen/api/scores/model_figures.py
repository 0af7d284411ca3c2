"""Figures of a model on the items that samples are compared with: its likelihood, also as the length of a code."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.api.science.forms import domain_of, plain_name
from sciencegen.api.sources.datasets import read_texts
from sciencegen.config import COMPUTE_CHUNK, EvaluateSettings
from sciencegen.data.spacing import evenly_spaced
from sciencegen.errors import SciencegenError
from sciencegen.items import Item, Refusal
from sciencegen.scoring.oracles import OracleAround

CODED = 128
"""Items whose likelihood is computed, one by one."""


def figures_of_model(domain: str, settings: EvaluateSettings, reference: str | Sequence[str]) -> dict[str, float]:
    """The likelihood of the items to compare with, also as the length of a code.

    Parameters
    ----------
    domain : str
        The items' domain or form. Of tables, the figures are the recipe's own, on at most `COMPUTE_CHUNK` rows.
    settings : EvaluateSettings
        `model`, and where it is computed.
    reference : str or sequence of str
        The items as text, or the name of a set that is shipped as statistics.

    Returns
    -------
    dict
        Empty for a model without a likelihood of these items.
    """
    from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, CodesItems, code_figures

    model = open_model(plain_name(domain), settings.model, settings)
    if domain_of(domain).cells is not None:
        items = _references(domain, reference, model, COMPUTE_CHUNK)
        arrays = [one for one in model.representation.encode(items) if not isinstance(one, Refusal)]
        check = model.recipe.check
        return dict(check(model.model, model.representation, arrays)) if arrays and check is not None else {}
    oracle = model.oracles.get(LOG_LIKELIHOOD)
    inner = oracle.oracle if isinstance(oracle, OracleAround) else oracle
    if not isinstance(inner, CodesItems):
        return {}
    return code_figures(inner.code_lengths(_references(domain, reference, model, CODED)))


def _references(domain: str, reference: str | Sequence[str], model: LoadedModel, largest: int) -> list[Item]:
    """Evenly spaced ones of the items to compare with; of a set that is shipped as statistics, the first of its
    dataset, where that is here."""
    texts: Sequence[str]
    if isinstance(reference, str):
        try:
            texts = list(islice(read_texts(domain, reference, offline=True), largest))
        except SciencegenError:
            return []
    else:
        texts = [reference[row] for row in evenly_spaced(len(reference), largest)]
    return [item for item in map(model.domain.items.parse, texts) if not isinstance(item, Refusal)]
