"""`sciencegen restore`: files of stamps in, restored stamps with intervals out."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from sciencegen.api.survey import Restoring
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.errors import Stopped

pytestmark = pytest.mark.usefixtures("quick_restoration")  # tests/api/test_restore.py looks at the posterior


@pytest.fixture
def stamps(tmp_path):
    made = list(simulate(SurveySettings("euclid", 64), 0, 7, 8))
    both = [made[0].observed, made[0].twin]
    DOMAIN.items.write(tmp_path / "seen.fits", both, ["seen", "sharp"], {})
    return both


def test_a_restoration_goes_on_after_a_stop(cli, stamps, tmp_path, monkeypatch):
    """A stop keeps what is finished, names the row that comes next, and the rest is as without the stop."""
    DOMAIN.items.write(tmp_path / "three.fits", [stamps[0]] * 3, ["a", "b", "c"], {})
    command = ("restore", "galaxies", "three.fits", "--threads", 1, "--with", "flux")
    assert cli(*command, "-o", "whole.csv").code == 0
    restored, calls = Restoring._restored, []

    def stopping(self, item, number):
        calls.append(number)
        if len(calls) == 2:
            raise Stopped(15)
        return restored(self, item, number)

    with monkeypatch.context() as patched:
        patched.setattr(Restoring, "_restored", stopping)
        result = cli(*command, "-o", "begun.csv")
    assert "--start 2 restores the rest" in result.err
    assert cli(*command, "--start", 2, "-o", "rest.csv").code == 0
    whole, begun, rest = (pd.read_csv(f"{name}.csv").drop(columns="item") for name in ("whole", "begun", "rest"))
    pd.testing.assert_frame_equal(pd.concat([begun, rest], ignore_index=True), whole)


@pytest.mark.long
def test_fits_in_and_out_and_refused_rows(cli, stamps):
    result = cli("restore", "galaxies", "seen.fits", "--threads", 1, "-o", "restored.fits", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["restored"] == 1
    rejected = pd.read_csv("restored.fits.rejects.csv")
    assert rejected["line"].tolist() == [2]
    assert "no noise" in rejected["reason"][0]
    with fits.open("restored.fits") as hdus:
        table = hdus["CATALOG"].data
        assert table["id"][0] == "seen"
        assert table["flux_lower"][0] < table["flux"][0] < table["flux_upper"][0]
        assert (hdus["VARIANCE"].data > 0).all()
        assert "posterior samples" in str(hdus[0].header["HISTORY"]) + str(hdus[0].header.get("COMMENT", ""))


@pytest.mark.long
def test_a_table_on_stdin_and_each_sample(cli, stamps):
    table = pd.DataFrame({"item": ["seen.fits[0]"], "id": ["a"]}).to_csv(index=False)
    options = ("--with", "flux", "--keep-samples", "--threads", 1, "-o", "samples.csv")
    result = cli("restore", "galaxies", "-", "--format", "csv", *options, stdin=table.encode())
    assert result.code == 0, result.err
    found = pd.read_csv("samples.csv")
    assert found["sample"].tolist() == list(range(1, 20))
    assert found["flux"].std() > 0


@pytest.mark.long
def test_what_the_model_cannot_render_is_noted(cli, stamps, tmp_path):
    y, x = np.mgrid[:64, :64] - 31.5
    ring = 1e4 * np.exp(-((np.hypot(x, y) - 20) ** 2))
    seen = DOMAIN.items.parse("seen.fits[0]")
    odd = replace(seen, image=seen.image + ring, source="")
    DOMAIN.items.write(tmp_path / "odd.fits", [odd], ["odd"], {})
    result = cli("restore", "galaxies", "odd.fits", "--with", "flux", "--threads", 1, "-o", "r.csv")
    assert result.code == 0, result.err
    assert "1 of 1 have a chi_squared above 2" in result.err


def test_a_model_that_cannot_restore_is_refused(cli, stamps):
    result = cli("restore", "molecules", "seen.fits", "-o", "r.csv")
    assert result.code == 2
    assert "restore" in result.err


@pytest.mark.long
def test_one_stamp_of_a_file_is_restored(cli, stamps):
    options = ("--with", "flux", "--threads", 1)
    result = cli("restore", "galaxies", "seen.fits[0]", *options, "-o", "one.csv")
    assert result.code == 0, result.err
    assert len(pd.read_csv("one.csv")) == 1
    result = cli("restore", "galaxies", "seen.fits[7]", *options, "-o", "none.csv")
    assert result.code == 3
    assert "there is no number 7" in result.err


@pytest.mark.long
def test_columns_of_tables_and_catalogues_are_copied(cli, tmp_path, stamps):
    DOMAIN.items.write(tmp_path / "known.fits", stamps[:1], ["seen"], {"redshift": [0.5], "flux": [7.0]})
    options = ("--with", "flux", "--threads", 1)
    result = cli("restore", "galaxies", "known.fits", *options, "-o", "restored.fits")
    assert result.code == 0, result.err
    assert "aren't copied, since scores have these names: flux" in result.err
    with fits.open("restored.fits") as hdus:
        assert hdus["CATALOG"].data["redshift"].tolist() == [0.5]
        assert hdus["CATALOG"].data["flux"][0] > 100
    pd.DataFrame({"stamp": ["known.fits[0]"], "field": ["north"], "mass": [10.25]}).to_csv("list.csv", index=False)
    result = cli("restore", "galaxies", "list.csv", *options, "--keep-samples", "-o", "samples.csv")
    assert result.code == 0, result.err
    found = pd.read_csv("samples.csv")
    assert set(found["field"]) == {"north"}
    assert found["mass"].tolist() == [10.25] * 19


def test_no_stamps_are_written_over_those_that_are_read(cli, stamps, tmp_path):
    before = (tmp_path / "seen.fits").read_bytes()
    result = cli("restore", "galaxies", "seen.fits[0]", "--threads", 1, "-o", "seen.csv", "--force")
    assert result.code == 2
    assert "which is read" in result.err
    assert (tmp_path / "seen.fits").read_bytes() == before
