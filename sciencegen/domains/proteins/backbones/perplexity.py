"""Perplexities of backbones as oracles. They need the weights of ProteinMPNN, see `published_weights`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sciencegen.domains.base import Oracles
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.published_weights import check_weights
from sciencegen.domains.proteins.residue_atoms import UNKNOWN
from sciencegen.errors import DataError
from sciencegen.scoring.oracles import FunctionOracle, Oracle


def drawn_perplexity(item: Backbone) -> float:
    """Mean perplexity of eight sequences that are drawn for the backbone, as `evaluate` computes it."""
    from sciencegen.domains.proteins.backbones.inverse_folding import design_sequences

    return float(design_sequences(item.coordinates).perplexity.mean())


def own_perplexity(item: Backbone) -> float:
    """Perplexity of the backbone's own sequence."""
    from sciencegen.domains.proteins.backbones.inverse_folding import sequence_perplexity

    if UNKNOWN in item.sequence:
        raise DataError("residues without a known amino acid")
    return sequence_perplexity(item.coordinates, item.sequence)


FUNCTIONS: Mapping[str, Callable[[Backbone], float]] = {
    "perplexity": drawn_perplexity,
    "sequence_perplexity": own_perplexity,
}
PERPLEXITIES: Mapping[str, Oracle] = {
    name: FunctionOracle(name, function, direction="minimize") for name, function in FUNCTIONS.items()
}


def with_weights_checked(oracles: Oracles) -> Oracles:
    """The same oracles; perplexities are slow, and `find` raises a ConfigError for them if the weights are absent."""

    def find(name: str) -> Oracle:
        if name in PERPLEXITIES:
            check_weights()
        return oracles.find(name)

    return replace(oracles, find=find, slow=frozenset(PERPLEXITIES))
