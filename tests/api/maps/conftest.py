"""The latent map of the toy domain's items."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sciencegen.api.latent_map import LatentMap, make_map
from sciencegen.config import MapSettings
from tests.cli.conftest import Workspace, workspace  # noqa: F401


@pytest.fixture(scope="session")
def table(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """60 items with a number, a class, and a row that is no item."""
    rows = pd.read_csv(workspace.folder / "clouds.csv").head(60)
    rows["kind"] = ["round" if at % 3 else "long" for at in range(60)]
    rows.loc[7, "cloud"] = "nonsense"
    path = tmp_path_factory.mktemp("maps") / "table.csv"
    rows.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def toy_map(workspace: Workspace, table: Path) -> LatentMap:  # noqa: F811
    return make_map(
        "pointclouds", MapSettings(data=str(table), model=str(workspace.model), threads=1, include="radius")
    )
