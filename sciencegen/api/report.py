"""Report: write the page of a run's folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sciencegen import __version__
from sciencegen.api.models.folder import CONFIG, METRICS, WEIGHTS
from sciencegen.api.reports import sections as run_sections
from sciencegen.api.reports.contents import CANDIDATES, SAMPLES, RunContents, warnings
from sciencegen.config import RunSettings, build_settings
from sciencegen.data.prepared import ITEMS
from sciencegen.errors import DataError, converted
from sciencegen.report import sections
from sciencegen.report.page import render_page, write_page
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
    with converted(lambda error: _damaged(contents, "the page", error)):
        text = page_of(contents)
    write_page(text, Path(page or run / "report.html"))
    return {"candidates": len(contents.candidates["item"]), "shown": len(contents.items)}


def _read_config(run: RunFolder) -> dict[str, Any]:
    config = run.read_yaml(CONFIG)
    if not isinstance(config, dict):
        raise DataError(
            f"Expected the settings of a run in {run / CONFIG}, found something else: it is damaged, or of another "
            "program. Repeat `sciencegen run`, which writes it."
        )
    return config


def page_of(contents: RunContents) -> str:
    """The complete page."""
    settings, part = contents.settings, partial(_part, contents)
    summary, facts, told = part(run_sections.summary_sentence), part(run_sections.facts), part(warnings)
    bodies = {
        "candidates": sections.candidates(part(run_sections.candidates)),
        "plate": sections.plate(part(run_sections.plate)),
        "structures": part(run_sections.structures),
        "changes": sections.heat_maps(part(run_sections.heat_maps)),
        "logo": sections.logo(part(run_sections.logo)),
        "properties": part(run_sections.distributions),
        "charts": sections.charts(part(run_sections.charts)),
        "gallery": sections.gallery(part(run_sections.gallery)),
        "map": part(run_sections.latent_map),
        "traversals": sections.traversals(part(run_sections.traversals)),
        "pareto": part(run_sections.pareto),
        "search": part(run_sections.traces),
        "metrics": sections.metrics(part(run_sections.metrics)),
        "calibration": part(run_sections.calibrations),
        "ledger": sections.ledgers(part(run_sections.ledgers)),
        "settings": sections.settings(settings.model_dump(mode="json", by_alias=True)),
        "provenance": part(_provenance),
    }
    title = settings.report.title or f"{settings.domain}: {settings.name}"
    return render_page(title, bodies, summary=summary, goals=settings.optimize.criteria, facts=facts, warnings=told)


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


def _provenance(contents: RunContents) -> str:
    settings = contents.settings
    made = provenance([], settings.seed)
    versions = {"sciencegen": __version__, "python": made["python"], "platform": made["platform"], **made["libraries"]}
    hashes = {name: sha256_of(contents.folder / name) for name in HASHED if (contents.folder / name).is_file()}
    source = contents.training.summary.get("source_files", {}) if contents.training else {}
    return sections.provenance(
        commands=[f"sciencegen run {settings.domain} --config {contents.folder / CONFIG}"],
        seeds={"run": settings.seed, "search": search_seed(contents)},
        versions=versions,
        hashes={**hashes, **{f"source: {name}": digest for name, digest in source.items()}},
    )


def search_seed(contents: RunContents) -> int:
    """The seed that the search recorded; else that of `optimize` if it was set, even to 0; else the run's."""
    settings = contents.settings
    own = settings.optimize.seed if "seed" in settings.optimize.model_fields_set else settings.seed
    return contents.summary.get("seed", own)
