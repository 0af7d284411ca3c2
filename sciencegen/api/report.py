"""Report: write the page of a run's folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sciencegen import __version__
from sciencegen.api.models.folder import CONFIG, METRICS, WEIGHTS
from sciencegen.api.reports import notes as report_notes
from sciencegen.api.reports import pictures as report_pictures
from sciencegen.api.reports import sections
from sciencegen.api.reports import sections as report_sites
from sciencegen.api.reports.contents import CANDIDATES, SAMPLES, RunContents
from sciencegen.api.reports.pictures import latent_map
from sciencegen.config import RunSettings, build_settings
from sciencegen.data.prepared import ITEMS
from sciencegen.errors import DataError, converted
from sciencegen.report.content import Provenance, ReportContent
from sciencegen.report.page import write_report
from sciencegen.runs import RunFolder, provenance, sha256_of

Made = TypeVar("Made")
HASHED = (CANDIDATES, SAMPLES, METRICS, f"model/{WEIGHTS}", f"data/{ITEMS}")


def report(
    folder: str | Path, page: str | Path | None = None, settings: RunSettings | None = None,
    colour_by: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write the page and return its counts. settings: by default those in the folder's config.yaml. colour_by: for this
    page only."""
    run = RunFolder(folder, create=False)
    chosen = settings or build_settings(RunSettings, _read_config(run), str(run / CONFIG))
    if settings is not None:
        run.write_yaml(CONFIG, settings.model_dump(mode="json", by_alias=True))
    if colour_by is not None:
        shown = chosen.report.model_copy(update={"colour_by": colour_by})
        chosen = chosen.model_copy(update={"report": shown})
    contents = RunContents(run.path, chosen)
    content = content_of(contents)
    try:
        write_report(content, Path(page or run / "report.html"))
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise _damaged(contents, "the page", error) from error
    return {"candidates": len(contents.candidates["item"]), "shown": len(contents.items)}


def _read_config(run: RunFolder) -> dict[str, Any]:
    config = run.read_yaml(CONFIG)
    if not isinstance(config, dict):
        raise DataError(
            f"Expected the settings of a run in {run / CONFIG}, found something else: it is damaged, or of another "
            "program. Repeat `sciencegen run`, which writes it."
        )
    return config


def content_of(contents: RunContents) -> ReportContent:
    """The complete content of the page."""
    settings, part = contents.settings, partial(_part, contents)
    return ReportContent(
        title=settings.report.title or f"{settings.domain}: {settings.name}",
        summary=part(sections.summary_sentence),
        goals=settings.optimize.criteria,
        facts=part(sections.facts),
        warnings=part(report_notes.warnings),
        candidates=part(sections.candidates),
        plate=part(report_sites.plate),
        structures=part(sections.structures),
        heat_maps=part(report_sites.heat_maps),
        logo=part(report_sites.logo),
        distributions=part(sections.distributions),
        charts=part(report_pictures.charts),
        gallery=part(report_pictures.gallery),
        latent_map=part(latent_map),
        traversals=part(report_pictures.traversals),
        pareto=part(sections.pareto),
        traces=part(sections.traces),
        metrics=part(sections.metrics),
        calibrations=part(sections.calibrations),
        settings=settings.model_dump(mode="json", by_alias=True),
        provenance=part(_provenance),
    )


def _part(contents: RunContents, make: Callable[[RunContents], Made]) -> Made:
    """A part of the page. Whatever its code raises for damaged files of a run is a DataError."""
    with converted(lambda error: _damaged(contents, f"the part '{make.__name__.strip('_')}'", error)):
        return make(contents)


def _damaged(contents: RunContents, what: str, error: Exception) -> DataError:
    return DataError(
        f"Expected the files of {contents.folder} as the steps of a run wrote them, but some are changed or damaged: "
        f"{what} can't be made of them ({type(error).__name__}: {str(error)[:300]}). Repeat the steps by "
        "`sciencegen run`."
    )


def _provenance(contents: RunContents) -> Provenance:
    settings = contents.settings
    made = provenance([], settings.seed)
    versions = {"sciencegen": __version__, "python": made["python"], "platform": made["platform"], **made["libraries"]}
    hashes = {name: sha256_of(contents.folder / name) for name in HASHED if (contents.folder / name).is_file()}
    source = contents.training.summary.get("source_files", {}) if contents.training else {}
    return Provenance(
        commands=[f"sciencegen run {settings.domain} --config {contents.folder / CONFIG}"],
        seeds={"run": settings.seed, "search": _search_seed(contents)},
        versions=versions,
        hashes={**hashes, **{f"source: {name}": digest for name, digest in source.items()}},
    )


def _search_seed(contents: RunContents) -> int:
    """The seed that the search recorded; else that of `optimize` if it was set, even to 0; else the run's."""
    settings = contents.settings
    own = settings.optimize.seed if "seed" in settings.optimize.model_fields_set else settings.seed
    return contents.summary.get("seed", own)
