"""What all workers of a test run use, made by the first of them that needs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sciencegen.files import turn_at


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` filled once in this test run; tests only read it, since other workers read it too."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    place = root / "shared" / name
    place.mkdir(parents=True, exist_ok=True)
    folder, made = place / "folder", place / "made"
    with turn_at(place):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
