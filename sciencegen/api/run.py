"""Run: the whole workflow, by Snakemake. The same call resumes a run that was killed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sciencegen.api.science import domain_of
from sciencegen.api.search import short_plate, shortfall
from sciencegen.api.workflow import supervision
from sciencegen.config import RunSettings, Settings, build_settings, kind_of, moved, read_settings
from sciencegen.data.shipped import workflow_root
from sciencegen.data.tables import read_table
from sciencegen.data.threads import worker_count
from sciencegen.domains import domain_names
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, MissingLibrary, unknown_name
from sciencegen.files import check_writable
from sciencegen.records import Shown
from sciencegen.runs import RunFolder

WORKFLOW = "workflow.yaml"
"""The config that Snakemake reads. The complete config of a finished run is config.yaml."""

CONFIG, SUMMARY = "config.yaml", "search/summary.json"
"""Files of the report and of the search in a run's folder."""

WIDTH_FLAGS = {"--cores", "-c", "--jobs", "-j", "--executor", "-e"}
"""Flags by which the user sets the number of cores or jobs."""


@dataclass(frozen=True)
class Finished(Shown):
    """code: Snakemake's exit code. report: the page, None after a dry run or a failure. fewer: messages about results
    that are fewer than requested. notes: such messages about the samples, which are no results, and on ignored
    keys."""

    SHOWN = "report", "folder", "code", "fewer", "notes"
    code: int
    folder: Path
    report: Path | None
    fewer: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def run(
    domain: str, config: str | Path | None = None, *, profile: str = "default", results: str | None = None,
    flags: Sequence[str] = (),
) -> Finished:  # fmt: skip
    """Run or resume a workflow, from data to a report, in the current folder.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    config : str or Path, optional
        The workflow's config; by default the domain's own.
    profile : str
        "default", "slurm", or a folder with a Snakemake profile.
    results : str, optional
        The folder of results; by default `results`.
    flags : sequence of str
        Flags to pass on to Snakemake.

    Returns
    -------
    Finished
        `report` is the page or None; `fewer` has a message for each result with fewer items than requested.

    Raises
    ------
    ConfigError
        For a config that a step would refuse. It is raised before any step runs.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.run("molecules", flags=["--dry-run", "--quiet"]).report is None
    True
    """
    if domain not in domain_names():
        raise unknown_name("domain", domain, domain_names())
    if find_spec("snakemake") is None:
        raise MissingLibrary("snakemake", "for workflows")
    root = workflow_root()
    settings, raw = read_config(domain, Path(config) if config else default_config(root, domain), results)
    check_writable(Path(settings.folder) / WORKFLOW, "`results`")
    check_writable(Path.cwd() / supervision.RECORDS, "Snakemake's records", "Change to another folder with `cd`.")
    folder = RunFolder(settings.folder)
    with folder.lock():
        supervision.stop_left_over(folder.path)
        supervision.unlock(Path.cwd())
        command = snakemake_command(root, folder.write_yaml(WORKFLOW, raw), profile, settings, flags)
        before = _when_searched(folder)
        code = supervision.call(command, folder.path)
    page = folder / "report.html"
    if code or not page.is_file():
        return Finished(code, folder.path, None)
    # the report may have this config though nothing was searched: a run killed after its search, or with nothing to do
    if not folder.has(SUMMARY) or (_when_searched(folder) == before and not reports(folder, settings)):
        return Finished(code, folder.path, page)  # of an earlier config, with other numbers requested
    notes = (*ignored_keys(settings), *fewer_samples(settings, folder))
    return Finished(code, folder.path, page, fewer_than_asked(settings, folder), notes)


def _when_searched(folder: RunFolder) -> int | None:
    return (folder / SUMMARY).stat().st_mtime_ns if folder.has(SUMMARY) else None


def reports(folder: RunFolder, settings: RunSettings) -> bool:
    """Whether the report in the folder has this config, maybe as an earlier version wrote it."""
    found = folder.read_yaml(CONFIG) if folder.has(CONFIG) else None
    try:
        there = build_settings(RunSettings, found) if isinstance(found, dict) else None
    except ConfigError:
        return False
    return there is not None and there.model_dump() == settings.model_dump()


def ignored_keys(settings: RunSettings) -> tuple[str, ...]:
    """Notes on keys that had an effect in earlier versions. To be removed in version 0.5."""
    if settings.variants is None or not settings.variants.classify:
        return ()
    return ("The key classify of `variants` is ignored: variants have no classes any more. Remove it.",)


def fewer_samples(settings: RunSettings, folder: RunFolder) -> tuple[str, ...]:
    """A note if there are fewer samples than requested: no error, as they are for evaluation and report only."""
    if not folder.has("samples.parquet"):
        return ()
    asked, drawn = settings.generate.n, _count(domain_of(settings.domain), folder / "samples.parquet")
    remedy = "Loosen where, keep and forbid of `generate`, or raise its `attempts`."
    return (f"{drawn} of {asked} samples were drawn. {remedy}",) if drawn < asked else ()


def _count(science: Domain, path: Path) -> int:
    """The number of items in a table; in some domains its columns are the items."""
    return sum(1 for _ in (read_table(path, ("item",)) if science.cells is None else science.items.read(path, None)))


def fewer_than_asked(settings: RunSettings, folder: RunFolder) -> tuple[str, ...]:
    """Messages if there are fewer candidates, or items on the plate, than requested."""
    summary, found = folder.read_json(SUMMARY), []
    if summary["candidates"] < settings.optimize.n:
        found.append(shortfall(summary, settings.optimize.n))
    if settings.propose is not None and folder.has("plate.csv"):
        proposed = _count(domain_of(settings.domain), folder / "plate.csv")
        if proposed < settings.propose.batch:
            found.append(short_plate(proposed, settings.propose.batch))
    return tuple(found)


def default_config(root: Path, domain: str) -> Path:
    """The config that is shipped for a domain; an error if there is none."""
    path = root / "config" / f"{domain}.yaml"
    if not path.is_file():
        raise ConfigError(f"No default workflow for {domain} comes with sciencegen. Pass `config` with one of yours.")
    return path


def read_config(domain: str, path: Path, results: str | None) -> tuple[RunSettings, dict[str, Any]]:
    """The checked settings, and the plain mapping for Snakemake."""
    from sciencegen.api.workflow.check import check_run  # on use: torch

    raw = read_settings(f"@{path}")
    for section, field in RunSettings.model_fields.items():
        kind = kind_of(field)[0]
        if isinstance(given := raw.get(section), dict) and isinstance(kind, type) and issubclass(kind, Settings):
            raw[section], old = moved(kind, given)
            if old:
                told = f"write settings: {json.dumps(old)} instead of {', '.join(old)}"
                told = f"{path}, {section}: {told}: version 0.5 won't accept the old spelling"
                warnings.warn(told, FutureWarning, stacklevel=1)
    raw.setdefault("domain", domain)
    if results is not None:
        raw["results"] = results
    settings = build_settings(RunSettings, raw, str(path))
    if settings.domain != domain:
        raise ConfigError(f"Expected a workflow of {domain}, {path} is one of {settings.domain}.")
    check_run(settings, str(path))
    return settings, raw


def snakemake_command(root: Path, config: Path, profile: str, settings: RunSettings, flags: Sequence[str]) -> list[str]:
    """The command to run. The user's flags come last, so they take precedence."""
    words = [*supervision.SNAKEMAKE, "--snakefile", str(root / "Snakefile"), "--configfile", str(config)]
    words += ["--workflow-profile", str(find_profile(root, profile)), "--rerun-incomplete"]
    given = {flag.split("=")[0] for flag in flags}
    if profile == "default" and not given & WIDTH_FLAGS:
        words += ["--cores", str(worker_count(settings.threads))]
    if profile == "default" and settings.gpus > 1 and "--resources" not in given:
        words += ["--resources", f"gpu={settings.gpus}"]
    return [*words, *flags]


def find_profile(root: Path, profile: str) -> Path:
    """The folder of a shipped profile, or of one of the user's."""
    for folder in (root / "profiles" / profile, Path(profile)):
        if any(folder.glob("config*.yaml")):
            return folder
    raise unknown_name("profile", profile, (path.name for path in (root / "profiles").iterdir()))
