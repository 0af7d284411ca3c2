"""The toy domain's map, and a browser."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.api.maps.conftest import table, toy_map, workspace  # noqa: F401

if TYPE_CHECKING:
    from tests.browser.chromium import Chromium


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """Chromium's window; tests skip without it."""
    pytest.importorskip("websocket", reason="needs the package websocket-client")
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        pytest.skip("needs Chromium")
    with importlib.import_module("tests.browser.chromium").Chromium() as window:
        yield window
