"""Run: the whole workflow, by Snakemake. The same call goes on where a killed one stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sciencegen.api.search.tables import short_plate, shortfall
from sciencegen.api.workflow import supervision
from sciencegen.config import RunSettings, build_settings, read_settings
from sciencegen.data.cards import workflow_root
from sciencegen.data.tables import read_table
from sciencegen.data.threads import worker_count
from sciencegen.domains import domain_names
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.files import check_writable
from sciencegen.runs import RunFolder

WORKFLOW = "workflow.yaml"
"""The config that Snakemake reads; the finished run's complete config is config.yaml."""

CONFIG, SUMMARY = "config.yaml", "search/summary.json"
"""What the report and the search leave in a run's folder."""

WIDTH_FLAGS = {"--cores", "-c", "--jobs", "-j", "--executor", "-e"}
"""With any of these the user says how wide Snakemake works."""


@dataclass(frozen=True)
class Finished:
    """code: Snakemake's exit code. report: the page, None where there is none (a dry run, a failure). fewer: of what
    there is less than asked, why, and what to do. notes: the same of what is no result, the samples."""

    code: int
    folder: Path
    report: Path | None
    fewer: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def run(
    domain: str, config: str | Path | None = None, *, profile: str = "default", results: str | None = None,
    flags: Sequence[str] = (),
) -> Finished:  # fmt: skip
    """Run a workflow in this folder, or go on with it: from data to a report.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    config : str or Path, optional
        The workflow's config; by default the domain's own.
    profile : str
        "default", "slurm", or a folder with a Snakemake profile.
    results : str, optional
        Where results go; by default `results`.
    flags : sequence of str
        Go to Snakemake.

    Returns
    -------
    Finished
        `report` is the page, None where there is none; `fewer` says of what there is less than requested.

    Raises
    ------
    ConfigError
        For a config that a step would refuse; nothing has run then.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.run("molecules", flags=["--dry-run", "--quiet"]).report is None
    True
    """
    if domain not in domain_names():
        raise unknown_name("domain", domain, domain_names())
    root = workflow_root()
    settings, raw = read_config(domain, Path(config) if config else default_config(root, domain), results)
    check_writable(Path(settings.folder) / WORKFLOW, "`results`")
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
    if not folder.has(SUMMARY) or (_when_searched(folder) == before and not reports(folder, settings)):
        return Finished(code, folder.path, page)  # of an earlier config: what this one asks for wasn't sought
    return Finished(code, folder.path, page, fewer_than_asked(settings, folder), fewer_samples(settings, folder))


def _when_searched(folder: RunFolder) -> int | None:
    return (folder / SUMMARY).stat().st_mtime_ns if folder.has(SUMMARY) else None


def reports(folder: RunFolder, settings: RunSettings) -> bool:
    """Whether the report there is of this very config: a run that was killed after its search, or has nothing to do."""
    return folder.has(CONFIG) and folder.read_yaml(CONFIG) == settings.model_dump(mode="json", by_alias=True)


def fewer_samples(settings: RunSettings, folder: RunFolder) -> tuple[str, ...]:
    """They are for the evaluation and the report, so that too few of them are told, and fail nothing."""
    if not folder.has("samples.parquet"):
        return ()
    asked, drawn = settings.generate.n, _count(folder, "samples.parquet")
    remedy = "Loosen where, keep and forbid of `generate`, or raise its `attempts`."
    return (f"{drawn} of {asked} samples were drawn. {remedy}",) if drawn < asked else ()


def _count(folder: RunFolder, name: str) -> int:
    return sum(1 for _ in read_table(folder / name, ("item",)))


def fewer_than_asked(settings: RunSettings, folder: RunFolder) -> tuple[str, ...]:
    """Of candidates and of the plate."""
    summary, found = folder.read_json(SUMMARY), []
    if summary["candidates"] < settings.optimize.n:
        found.append(shortfall(summary, settings.optimize.n))
    if settings.propose is not None and folder.has("plate.csv"):
        proposed = _count(folder, "plate.csv")
        if proposed < settings.propose.batch:
            found.append(short_plate(proposed, settings.propose.batch))
    return tuple(found)


def default_config(root: Path, domain: str) -> Path:
    """The config that comes with sciencegen for a domain; an error where there is none."""
    path = root / "config" / f"{domain}.yaml"
    if not path.is_file():
        raise ConfigError(f"No default workflow for {domain} comes with sciencegen. Pass `config` with one of yours.")
    return path


def read_config(domain: str, path: Path, results: str | None) -> tuple[RunSettings, dict[str, Any]]:
    """The settings, checked; and as the plain mapping that Snakemake reads."""
    from sciencegen.api.workflow.check import check_run  # on use: torch

    raw = read_settings(f"@{path}")
    raw.setdefault("domain", domain)
    if results is not None:
        raw["results"] = results
    settings = build_settings(RunSettings, raw, str(path))
    if settings.domain != domain:
        raise ConfigError(f"Expected a workflow of {domain}, {path} is one of {settings.domain}.")
    check_run(settings, str(path))
    return settings, raw


def snakemake_command(root: Path, config: Path, profile: str, settings: RunSettings, flags: Sequence[str]) -> list[str]:
    """What is run; flags of the user come last and win."""
    words = [*supervision.SNAKEMAKE, "--snakefile", str(root / "Snakefile"), "--configfile", str(config)]
    words += ["--workflow-profile", str(find_profile(root, profile)), "--rerun-incomplete"]
    given = {flag.split("=")[0] for flag in flags}
    if profile == "default" and not given & WIDTH_FLAGS:
        words += ["--cores", str(worker_count(settings.threads))]
    return [*words, *flags]


def find_profile(root: Path, profile: str) -> Path:
    """The folder of a profile that comes with the workflow, or one of the user's."""
    for folder in (root / "profiles" / profile, Path(profile)):
        if any(folder.glob("config*.yaml")):
            return folder
    raise unknown_name("profile", profile, (path.name for path in (root / "profiles").iterdir()))
