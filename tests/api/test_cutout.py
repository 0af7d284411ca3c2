"""Cutting from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import sciencegen as sg
from sciencegen.errors import ConfigError, DataError
from tests.domains.galaxies.fields import SOURCES, positions, write_field


def test_result_has_a_row_for_each_stamp(tmp_path: Path) -> None:
    (tmp_path / "sources.csv").write_text(positions())
    found = sg.cutout("galaxies", write_field(tmp_path / "a.fits"), tmp_path / "sources.csv", side=32)
    count = len(SOURCES)
    assert found.summary == {"cut": count, "refused": 0, "ledger": {"rows": count, "cut": count}}
    assert found.table["name"].tolist() == [f"s{row}" for row in range(len(SOURCES))]
    scored = sg.score("galaxies", found.objects(), ["flux"], threads=1).table
    assert len(scored) == len(SOURCES)
    assert found.write(tmp_path / "out.h5").exists()


def test_nothing_in_the_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sources.csv").write_text("x,y\n9999,1\n")
    with pytest.raises(DataError, match="found none among 1 rows: line 2"):
        sg.cutout("galaxies", write_field(tmp_path / "a.fits"), tmp_path / "sources.csv")


def test_other_sciences_have_no_images(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="with large images"):
        sg.cutout("molecules", tmp_path / "a.fits", tmp_path / "b.csv")
