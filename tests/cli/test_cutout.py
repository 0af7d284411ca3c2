"""`sciencegen cutout` on the command line, and what is done with its stamps."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.domains.galaxies.fields import SOURCES, positions, write_field


@pytest.fixture
def field(tmp_path):
    (tmp_path / "sources.csv").write_text(positions() + "far,5000,1,2\n")
    return write_field(tmp_path / "field.fits"), tmp_path / "sources.csv"


def test_stamps_are_scored_again(cli, tmp_path, field):
    output = tmp_path / "stamps.fits"
    found = cli("cutout", "galaxies", *field, "--side", 48, "--psf-fwhm", 0.9, "-o", output, "--json")
    assert found.code == 0
    summary = json.loads(found.out)
    assert (summary["cut"], summary["refused"]) == (len(SOURCES), 1)
    assert "flagged neighbour" in found.err
    assert "outside of the image" in (tmp_path / "stamps.fits.rejects.csv").read_text()
    cli("score", "galaxies", output, "--with", "flux", "-o", tmp_path / "s.csv", "--threads", 1)
    flux = pd.read_csv(tmp_path / "s.csv")["flux"]
    assert flux[4] == pytest.approx(SOURCES[4][2], rel=0.25)


def test_a_table_has_a_file_of_stamps_beside_it(cli, tmp_path, field):
    assert cli("cutout", "galaxies", *field, "-o", tmp_path / "t.csv").code == 0
    table = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert table["item"].tolist() == [f"{tmp_path}/t.fits[{row}]" for row in range(len(SOURCES))]
    assert table["true_flux"].tolist() == [flux for _, _, flux in SOURCES]
    assert (tmp_path / "t.fits").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--side", "4"], "pixels on a side"), (["--bands", "z"], "Expected bands among r"),
        (["-o", "a.smi"], "end in"), (["--psf", "none.fits"], "none.fits"), (["--extension", "7"], "the image 7"),
        (["--pixel-scale", "-1"], "greater"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_before_anything_is_written(cli, tmp_path, field, words, told):
    words = words if "-o" in words else [*words, "-o", tmp_path / "a.fits"]
    found = cli("cutout", "galaxies", *field, *words)
    assert found.code != 0
    assert told in found.err
    assert "Traceback" not in found.err
    assert not (tmp_path / "a.fits").exists()
