"""What the tests of the front share: a toy fourth domain and a few parts, installed like anybody's plugins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


ENTRY_POINTS = {
    "pointclouds": "[sciencegen.domains]\npointclouds = pointclouds\n",
    "parts": (
        "[sciencegen.samplers]\nmidpoint = parts:sample_midpoint\n"
        "[sciencegen.search_methods]\ndraws = parts:search_draws\n"
        "[sciencegen.acquisitions]\nexplore = parts:Explore\n"
        "[sciencegen.verbs]\nlengths = parts.verbs:lengths\n"
        "[sciencegen.recipes]\npointclouds/wide = parts.recipes:WIDE\npointclouds/diffusion = parts.recipes:DIFFUSION\n"
    ),
}


def install_toy(folder: Path) -> Path:
    """A folder for PYTHONPATH with the packages and their entry points, as pip would leave them."""
    for name, entry_points in ENTRY_POINTS.items():
        shutil.copytree(HERE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        about = folder / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(entry_points)
    return folder


def write_clouds(path: Path, count: int = 400, seed: int = 0, extra: bool = False) -> Path:
    """Noisy rings of many sizes and places; `extra` adds a measured column."""
    generator = np.random.default_rng(seed)
    angles = np.arange(5) * 2 * np.pi / 5
    lines = ["cloud,measured" if extra else "cloud"]
    for _ in range(count):
        size, centre = generator.uniform(0.3, 2.0), generator.normal(0, 1, 2)
        ring = centre + size * np.stack([np.cos(angles), np.sin(angles)], 1) + generator.normal(0, 0.05, (5, 2))
        text = ";".join(f"{x:.2f} {y:.2f}" for x, y in ring)
        lines.append(f"{text},{2 * size + generator.normal(0, 0.05):.3f}" if extra else text)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_broken_package(folder: Path, entry_points: str) -> Path:
    """Entry points of a package `broken` 1.2 as pip leaves them; returns the folder, to be put on the path."""
    about = folder / "broken-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(entry_points)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """For a process that shall see the toy domain."""
    search = os.pathsep.join(map(str, (folder, REPOSITORY)))
    return {**os.environ, "PYTHONPATH": search, "SCIENCEGEN_CACHE": str(folder / "cache"), "SCIENCEGEN_OFFLINE": "1"}


def command(folder: Path, *arguments: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess:
    """The `sciencegen` command in a process of its own."""
    words = [sys.executable, "-m", "sciencegen.cli.main", *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, env=environment(folder), input=stdin, capture_output=True, timeout=240)
