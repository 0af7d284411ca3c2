"""Report: write the page of a run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sciencegen import __version__
from sciencegen.api.models.folder import CONFIG, METRICS, WEIGHTS
from sciencegen.api.reports import notes as report_notes
from sciencegen.api.reports import pictures as report_pictures
from sciencegen.api.reports import sections
from sciencegen.api.reports import sites as report_sites
from sciencegen.api.reports.contents import CANDIDATES, SAMPLES, RunContents
from sciencegen.api.reports.latent_map import latent_map
from sciencegen.config import RunSettings, build_settings
from sciencegen.data.prepared import ITEMS
from sciencegen.report.content import Provenance, ReportContent
from sciencegen.report.page import write_report
from sciencegen.runs import RunFolder, provenance, sha256_of

HASHED = (CANDIDATES, SAMPLES, METRICS, f"model/{WEIGHTS}", f"data/{ITEMS}")


def report(
    folder: str | Path, page: str | Path | None = None, settings: RunSettings | None = None,
    colour_by: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write the page and return its counts. settings: by default those in the folder's config.yaml. colour_by: for this
    page only."""
    run = RunFolder(folder, create=False)
    chosen = settings or build_settings(RunSettings, run.read_yaml(CONFIG), str(run / CONFIG))
    if settings is not None:
        run.write_yaml(CONFIG, settings.model_dump(mode="json", by_alias=True))
    if colour_by is not None:
        shown = chosen.report.model_copy(update={"colour_by": colour_by})
        chosen = chosen.model_copy(update={"report": shown})
    contents = RunContents(run.path, chosen)
    write_report(content_of(contents), Path(page or run / "report.html"))
    return {"candidates": len(contents.candidates["item"]), "shown": len(contents.items)}


def content_of(contents: RunContents) -> ReportContent:
    """The complete content of the page."""
    settings = contents.settings
    return ReportContent(
        title=settings.report.title or f"{settings.domain}: {settings.name}",
        summary=sections.summary_sentence(contents),
        goals=list(settings.optimize.goals),
        facts=sections.facts(contents),
        warnings=report_notes.warnings(contents),
        candidates=sections.candidates(contents),
        plate=report_sites.plate(contents),
        structures=sections.structures(contents),
        heat_maps=report_sites.heat_maps(contents),
        logo=report_sites.logo(contents),
        distributions=sections.distributions(contents),
        gallery=report_pictures.gallery(contents),
        latent_map=latent_map(contents),
        traversals=report_pictures.traversals(contents),
        pareto=sections.pareto(contents),
        traces=sections.traces(contents),
        metrics=sections.metrics(contents),
        calibrations=sections.calibrations(contents),
        settings=settings.model_dump(mode="json", by_alias=True),
        provenance=_provenance(contents),
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
