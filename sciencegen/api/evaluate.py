"""Evaluate: generated items against held-out ones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Unpack

from sciencegen.api.sampling.calibration import calibrate
from sciencegen.api.science.forms import domain_of, in_form, plain_name
from sciencegen.api.sources.datasets import read_texts
from sciencegen.config import EvaluateSettings, build_settings
from sciencegen.data.threads import use_threads
from sciencegen.domains.capabilities import ReferenceSets
from sciencegen.errors import ConfigError, DataError
from sciencegen.options import EvaluateOptions, takes
from sciencegen.runs import sha256_of

DISTANCE = "wasserstein_"
"""A metric of this name and a property's is a distance in that property's unit, unless the domain says what it is."""


@takes(EvaluateSettings)
def evaluate(
    domain: str, samples: str | Path, *, column: str | None = None, **options: Unpack[EvaluateOptions]
) -> dict[str, Any]:
    """The domain's distribution metrics by name. A reference may be a set that the domain ships, a card or a file."""
    return compare(domain, samples, build_settings(EvaluateSettings, options), column)


def compare(domain: str, samples: str | Path, chosen: EvaluateSettings, column: str | None = None) -> dict[str, Any]:
    """`evaluate` with its settings as one record."""
    domain = in_form(domain, chosen.form)
    science = domain_of(domain)
    against = check_against(chosen)
    use_threads(chosen.threads)
    texts = [row.text for row in islice(science.items.read(Path(samples), column), chosen.limit)]
    if not any(texts):
        raise DataError(f"Expected items in {samples}, found none.")
    reference = _reference(domain, against, "references", chosen.offline)
    training = None if chosen.training is None else _reference(domain, chosen.training, "training_sets", chosen.offline)
    metrics: dict[str, Any] = dict(science.evaluate(texts, reference, training))
    if chosen.calibrate:
        metrics = {**metrics, "conditions": calibrate(domain, chosen)}
    about = {"against": chosen.against, "samples": Path(samples).name, "samples_sha256": sha256_of(samples)}
    return {**metrics, **about, **({"training": chosen.training} if chosen.training else {})}


def check_against(settings: EvaluateSettings) -> str:
    if settings.against is None:
        raise ConfigError("Expected what to compare with, got nothing. Pass `against` with a set/split or a file.")
    return settings.against


def explained(domain: str, metrics: Mapping[str, Any]) -> list[tuple[str, float, str, str]]:
    """(name, value, unit, what it is) of each metric that is a number."""
    science = domain_of(domain)
    sets = science.reference_sets or ReferenceSets()
    units, notes = sets.units, sets.notes
    rows = []
    for name, value in metrics.items():
        named = name.startswith(DISTANCE) and name not in notes
        prop = science.properties.get(name.removeprefix(DISTANCE)) if named else None
        unit = prop.unit if prop else units.get(name, "")
        meaning = (
            f"distance between distributions: {prop.description}"
            if prop
            else notes[name].meaning
            if name in notes
            else ""
        )
        if isinstance(value, (int, float)):
            rows.append((name, value, unit, meaning))
    return rows


def _reference(domain: str, source: str, shipped: str, offline: bool) -> Any:
    """The name of a set that the domain ships in compact form, else the items as text."""
    return shipped_set(domain, source, shipped) or list(read_texts(domain, source, offline=offline))


def shipped_set(domain: str, source: str, shipped: str) -> str:
    """The name of the set that the domain ships in compact form among its `shipped` ones, "" for another source."""
    name = source.removeprefix(f"{plain_name(domain)}/")
    sets = domain_of(domain).reference_sets or ReferenceSets()
    names = sets.held_out() if shipped == "references" else sets.training()
    return name if name in names and not Path(source).exists() else ""
