"""Selects positions of a wild type by the exposure of their residues in a structure, for design spaces.

exposure   solvent-accessible area as a share of the maximum: 0 inside, about 1 at the surface
contacts   weighted contact number, in Å^-2: high inside, low at the surface; needs no side chains
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.exposure import relative_accessibility, weighted_contact_number
from sciencegen.domains.proteins.structure_mapping import map_to_reference
from sciencegen.domains.proteins.structure_sequences import named_chain
from sciencegen.domains.proteins.structures import ProteinChain
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError

MEASURES: Mapping[str, Callable[[ProteinChain], Float[np.ndarray, " residue"]]] = {
    "exposure": relative_accessibility,
    "contacts": weighted_contact_number,
}
_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?)?"
_SPAN = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")


@dataclass(frozen=True)
class ExposedPositions:
    """places: from 0, in the wild type. notes: how the structure was interpreted, as sentences."""

    places: frozenset[int]
    notes: tuple[str, ...]


def exposed_positions(wild_type: Reference, structure: str, limits: Mapping[str, str]) -> ExposedPositions:
    """The positions whose residues are within all limits; residues with a missing value are excluded.

    structure: a PDB or mmCIF file, optionally with a chain (`1abc.pdb:A`); its residues are aligned with the wild
    type. limits: name of a measure -> `0.25..`, `..0.1` or `0.1..0.5`.
    """
    if not limits:
        raise ConfigError(
            "Expected what a structure is for, got none. Pass exposure=0.25.. for positions at its surface."
        )
    chain = named_chain(structure)
    spans = {name: read_span(name, text) for name, text in limits.items()}
    mapping = map_to_reference(chain, wild_type)
    inside, notes = np.ones(len(wild_type.sequence), bool), [*chain.notes(), *mapping.notes()]
    for name, (low, high) in spans.items():
        values = mapping.on_reference(MEASURES[name](chain))
        inside &= (values >= low) & (values <= high)
        notes.append(_note(name, values, limits[name]))
    if not inside.any():
        raise ConfigError(f"Expected positions within the limits, found none: {'; '.join(notes)}. Widen them.")
    return ExposedPositions(frozenset(np.flatnonzero(inside).tolist()), tuple(f"structure: {note}" for note in notes))


def _note(name: str, values: Float[np.ndarray, " position"], limit: str) -> str:
    missing, known = int(np.isnan(values).sum()), values[~np.isnan(values)]
    spread = f"from {known.min():.2f} to {known.max():.2f}" if len(known) else "known of none"
    closed = f"; {missing} positions have none and stay closed" if missing else ""
    return f"{name} of residues is {spread}, {limit} was asked for{closed}"


def read_span(name: str, text: str) -> tuple[float, float]:
    """Parse `0.25..`, `..0.1` or `0.1..0.5` to (minimum, maximum)."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or found[1] is found[2] is None:
        raise ConfigError(f"Expected {name} such as 0.25.., ..0.1 or 0.1..0.5, got '{text}'.")
    return float(found[1] or -np.inf), float(found[2] or np.inf)
