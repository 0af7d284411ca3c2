"""Evaluate: compare generated items with held-out ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sciencegen.api.criteria import parse_conditions
from sciencegen.api.models.folder import ModelDescription, describe_model, resolve_device
from sciencegen.api.sampling.generation import calibrate
from sciencegen.api.science import domain_of, in_form, plain_name
from sciencegen.api.scores import figures_of_model
from sciencegen.api.sources.tables import form_of_folder, read_texts
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import write_json
from sciencegen.config import EvaluateSettings, build_settings
from sciencegen.data.threads import inference_threads, use_threads
from sciencegen.devices import computing_on
from sciencegen.domains.base import Domain, ReportingEvaluate
from sciencegen.domains.capabilities import ReferenceSets
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.options import takes
from sciencegen.progress import Report, silent
from sciencegen.records import ledger
from sciencegen.runs import sha256_of

if TYPE_CHECKING:  # matplotlib takes most of a second to import
    from sciencegen.figures.style import Figure

DISTANCE = "wasserstein_"
"""Prefix of metrics that are a distance in a property's unit, unless the domain describes the metric itself."""

SetKind = Literal["held_out", "training"]
"""The purpose of a set: samples are compared with held-out items, and novelty is relative to training items."""


@dataclass(frozen=True)
class Evaluated(Result):
    """Metrics of generated items.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each metric: its name, value, unit and meaning.
    metrics : mapping
        All metrics as they are written, with the sets that were compared and the calibration.
    units : mapping
        Property -> unit.

    Until version 0.4 the result can be indexed like its metrics (`result["fcd"]`), with a warning.
    """

    metrics: Mapping[str, Any] = field(kw_only=True, repr=False)
    units: Mapping[str, str] = field(default_factory=dict, kw_only=True, repr=False)

    def plot_calibration(self) -> Figure:
        """What raw draws have of the values that were requested of the model, for each condition of `calibrate`: mean
        and central 80%.

        Returns
        -------
        matplotlib.figure.Figure
            A panel for each condition; save it by `savefig`.

        Raises
        ------
        ConfigError
            Without `calibrate`.
        """
        from sciencegen.report.plots import conditions_figure

        if "conditions" not in self.metrics:
            raise ConfigError("Expected an evaluation with `calibrate`, such as calibrate={'logp': [1, 2, 3]}.")
        return conditions_figure(self.metrics["conditions"], self.units)

    def _earlier(self) -> Mapping[str, Any]:
        return self.metrics


@takes(EvaluateSettings)
def evaluate(domain: str, samples: str | Path, *, column: str | None = None, **options: object) -> Evaluated:
    r"""Compare generated items with held-out ones.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    samples : str or Path
        The file of generated items.
    column : str, optional
        The column of items in a table.

    Returns
    -------
    Evaluated
        `table` has a row for each metric with its unit and meaning; `metrics` has all values.

    Raises
    ------
    ConfigError
        Without `against`, or for a property that the model isn't conditioned on.
    DataError
        If the file holds no items.

    Examples
    --------
    >>> import sciencegen as sg
    >>> _ = open("made.txt", "w").write("MKVLAT\nMKVLAS\nMRVLAT\n")
    >>> sg.evaluate("proteins", "made.txt", against="made.txt", threads=1).metrics["valid"]
    1.0
    """
    import pandas as pd

    request = resolve_evaluate(domain, samples, build_settings(EvaluateSettings, options), column)
    metrics = request.compare()
    table = pd.DataFrame(explained(request.domain, metrics), columns=["metric", "value", "unit", "meaning"])
    units = {name: known.unit for name, known in domain_of(request.domain).properties.items()}
    write = lambda path, overwrite: write_json(str(path), metrics)  # noqa: E731
    return Evaluated(table, metrics, (), write, metrics=metrics, units=units)


@dataclass(frozen=True)
class EvaluateRequest:
    """A comparison with checked settings. domain: name of the items' domain or form. texts: the samples. reference,
    training: the name of a set that the domain ships, else items as text. model: the one to evaluate, or None."""

    domain: str
    settings: EvaluateSettings
    samples: Path
    texts: Sequence[str]
    reference: str | Sequence[str]
    training: str | Sequence[str] | None
    model: ModelDescription | None

    def compare(self, report: Report = silent) -> dict[str, Any]:
        """The domain's metrics by name, the calibration, and the names of the compared sets."""
        settings, evaluate = self.settings, domain_of(self.domain).evaluate
        use_threads(settings.threads)
        if isinstance(evaluate, ReportingEvaluate):
            evaluate = evaluate.reporting(report)
        with computing_on(resolve_device(settings.device)):
            metrics: dict[str, Any] = dict(evaluate(self.texts, self.reference, self.training))
        if self.model is not None:
            model = self.model.load(settings.device, inference_threads(settings.threads))
            if settings.calibrate:
                metrics["conditions"] = calibrate(model, settings, report)
            if settings.model is not None:
                metrics |= figures_of_model(self.domain, model, self.reference)
        if "count_valid" in metrics:
            count, valid = int(metrics["count"]), int(metrics["count_valid"])
            distinct = int(metrics.get("count_unique", valid))
            parts = {"distinct": distinct, "repeated": valid - distinct, "not valid": count - valid}
            metrics |= ledger("samples", count, parts)
        about = {"against": settings.against, "samples": self.samples.name, "samples_sha256": sha256_of(self.samples)}
        return {**metrics, **about, **({"training": settings.training} if settings.training else {})}


def resolve_evaluate(
    domain: str, samples: str | Path, settings: EvaluateSettings, column: str | None = None
) -> EvaluateRequest:
    """Read the items to compare; calibrating a property that the model isn't conditioned on is an error."""
    against, path = set_to_compare(settings), Path(samples)
    domain = in_form(domain, settings.form or form_of_folder(domain, against))
    science = domain_of(domain)
    wanted = bool(settings.calibrate) or settings.model is not None
    model = describe_model(plain_name(domain), settings.model) if wanted else None
    if model is not None:
        check_calibration(science, settings.calibrate, model.representation.properties)
    texts = [row.text for row in islice(science.items.rows(path, column), settings.limit)]
    if not any(texts):
        raise DataError(f"Expected items in {samples}, found none.")
    reference = _reference(domain, against, "held_out", settings.offline)
    training = settings.training and _reference(domain, settings.training, "training", settings.offline)
    return EvaluateRequest(domain, settings, path, texts, reference, training, model)


def check_calibration(science: Domain, calibrate: Mapping[str, Sequence[float]], conditions: Collection[str]) -> None:
    """Raise an error for a property that a model isn't conditioned on, or an impossible value."""
    for name in calibrate:
        if name not in conditions:
            raise unknown_name("condition of the model", name, conditions)
    for name, values in calibrate.items():
        for value in values:
            parse_conditions([f"{name} = {value:.12g}"], science)


def set_to_compare(settings: EvaluateSettings) -> str:
    """The set to compare with; an error if the settings have none."""
    if settings.against is None:
        raise ConfigError("Expected what to compare with, got nothing. Pass `against` with a set/split or a file.")
    return settings.against


def explained(domain: str, metrics: Mapping[str, Any]) -> list[tuple[str, float, str, str]]:
    """(name, value, unit, meaning) of each numeric metric."""
    science = domain_of(domain)
    sets = science.reference_sets or ReferenceSets()
    rows = []
    for name, value in metrics.items():
        named = name.startswith(DISTANCE) and name not in sets.notes
        prop = science.properties.get(name.removeprefix(DISTANCE)) if named else None
        unit = prop.unit if prop else sets.units.get(name, "")
        meaning = f"distance between distributions: {prop.description}" if prop else sets.note(name).meaning
        if isinstance(value, (int, float)):
            rows.append((name, value, unit, meaning))
    return rows


def _reference(domain: str, source: str, kind: SetKind, offline: bool) -> str | list[str]:
    """The name of a set that the domain ships in compact form, else the items as text."""
    return shipped_set(domain, source, kind) or list(read_texts(domain, source, offline=offline))


def shipped_set(domain: str, source: str, kind: SetKind) -> str:
    """The name of the set of this kind that the domain ships in compact form, "" for another source."""
    name = source.removeprefix(f"{plain_name(domain)}/")
    sets = domain_of(domain).reference_sets or ReferenceSets()
    names = sets.held_out() if kind == "held_out" else sets.training()
    return name if name in names and not Path(source).exists() else ""
