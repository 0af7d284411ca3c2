"""Run: the whole workflow, by Snakemake."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sciencegen.api.rooms import domain_of, worker_count
from sciencegen.config import RunSettings, build_settings, read_settings
from sciencegen.data.cards import workflow_root
from sciencegen.domains import domain_names
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.runs import RunFolder


def run(
    domain: str, config: Path | None = None, *, profile: str = "default", results: str | None = None,
    flags: Sequence[str] = (),
) -> int:  # fmt: skip
    """Run (or go on with) a workflow in this folder; Snakemake's exit code."""
    root = workflow_root()
    settings, raw = read_config(domain, config or default_config(root, domain), results)
    folder = RunFolder(settings.folder)
    with folder.lock():
        _unlock(folder, root)
        path = folder.write_yaml("workflow.yaml", raw)
        command = snakemake_command(root, path, profile, settings, flags)
        code = subprocess.call(command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    if code == 0:
        print(f"{settings.folder / 'report.html'}", file=sys.stderr)
    return code


def default_config(root: Path, domain: str) -> Path:
    path = root / "config" / f"{domain}.yaml"
    if not path.is_file():
        if domain not in domain_names():
            raise unknown_name("domain", domain, domain_names())
        raise ConfigError(f"No default workflow for {domain} comes with sciencegen. Pass --config with one of yours.")
    return path


def read_config(domain: str, path: Path, results: str | None) -> tuple[RunSettings, dict[str, Any]]:
    """The settings, checked; and as the plain mapping that Snakemake reads."""
    raw = read_settings(f"@{path}")
    raw.setdefault("domain", domain)
    if results is not None:
        raw["results"] = results
    settings = build_settings(RunSettings, raw, str(path))
    if settings.domain != domain:
        raise ConfigError(f"Expected a workflow of {domain}, {path} is one of {settings.domain}.")
    build_settings(domain_of(domain).options, settings.options, f"{path}, options")
    return settings, raw


def snakemake_command(root: Path, config: Path, profile: str, settings: RunSettings, flags: Sequence[str]) -> list[str]:
    """What is run; flags of the user come last and win."""
    known = root / "profiles" / profile
    chosen = known if known.is_dir() else Path(profile)
    if not (chosen / "config.yaml").is_file() and not list(chosen.glob("config.*yaml")):
        names = sorted(path.name for path in (root / "profiles").iterdir())
        raise unknown_name("profile", profile, names)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--configfile", str(config)]
    command += ["--workflow-profile", str(chosen), "--rerun-incomplete", *flags]
    given = {flag.split("=")[0] for flag in flags}
    if not given & {"--cores", "-c", "--jobs", "-j", "--executor", "-e"} and profile == "default":
        command += ["--cores", str(worker_count(settings.threads))]
    return command


def _unlock(folder: RunFolder, root: Path) -> None:
    """Snakemake's lock outlives a killed run. We hold the run's own lock, so nobody else works on these results."""
    locks = Path(".snakemake/locks")
    if locks.is_dir() and any(locks.iterdir()) and not _other_snakemake():
        for lock in locks.iterdir():
            with contextlib.suppress(OSError):
                lock.unlink()


def _other_snakemake() -> bool:
    """Whether a living Snakemake works in this folder."""
    try:
        import psutil
    except ImportError:
        return False
    here, mine = os.getcwd(), os.getpid()
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        words = " ".join(process.info["cmdline"] or [])
        if process.info["pid"] != mine and process.info["cwd"] == here and "snakemake" in words:
            return True
    return False
