"""The page of a campaign's journal."""

from __future__ import annotations

import json
import re

import pytest

REFERENCE = "MKVLAW"
JOURNAL = """round,item,kind,value,value_sd,predicted,lower,upper,source
0,MKVLAW,measured,1.0,,,,,first.csv
0,MKVLAW,measured,2.0,,,,,first.csv
0,MAVLAW,measured,0.5,,,,,first.csv
1,MRVLAW,proposed,,,2.0,1.0,3.0,mutation
1,MRALAW,proposed,,,4.0,3.5,5.0,mutation
1,MRVLAW,measured,2.5,,,,,round1.csv
1,MRALAW,measured,3.0,,,,,round1.csv
2,MRCLAW,proposed,,,4.0,3.5,5.0,latent
"""


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "campaign.csv").write_text(JOURNAL)
    return tmp_path / "campaign.csv"


def ids(page: str) -> set[str]:
    return set(re.findall(r'<section id="(\w+)"', page))


def test_a_campaign_of_proteins(cli, journal, tmp_path):
    done = cli("report", journal, "--domain", "proteins", "--wild-type", REFERENCE, "--target", "yield", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told | {"output": ""} == {
        "output": "",
        "measured": 4,
        "rounds": 2,
        "best": 3.0,
        "inside_interval": 0.5,
        "pending": 1,
    }
    page = (tmp_path / "campaign.html").read_text()
    assert ids(page) == {"candidates", "rounds", "plate", "changes", "logo", "provenance"}
    assert "K2R:V3A" in page
    assert "K2R:V3C" in page
    assert "maximize yield" in page
    assert "Best measured" in page
    assert cli("report", journal, "--domain", "proteins").code == 2, "a page that is there isn't overwritten unasked"


def test_items_that_wait_with_a_value_that_is_no_number_are_counted(cli, journal, tmp_path):
    """By name, as text, or too long for a cell of the rejects; items with a later number, and rejects of another
    column, don't count."""
    long = REFERENCE * 40
    more = "2,MRALAA,proposed,,,4.0,3.5,5.0,latent\n2,MRALAC,proposed,,,,,,pool\n"
    journal.write_text(f"{JOURNAL}{more}2,{long},proposed,,,,,,pool\n")
    rows = [("MRCLAW", "high"), ("K2R:V3A:W6A", "n.d."), (long, "low"), ("MRVLAW", "high")]
    lab = "".join(f"{item},{cell},\n" for item, cell in rows)
    for name, wild in (("lab.csv", ()), ("again.csv", ("--wild-type", REFERENCE))):
        (tmp_path / name).write_text(f"item,value,value_sd\n{lab}MRALAC,,low\nMKVLAW,1,0.1\n")
        assert cli("record", "proteins", name, "--journal", journal, *wild).code == 0
    done = cli("report", journal, "--domain", "proteins", "--wild-type", REFERENCE)
    assert done.code == 0, done.err
    told = "3 of the 4 items not measured yet stand in campaign.csv.rejects.csv with a value that is no number"
    assert told in (tmp_path / "campaign.html").read_text()
    flags = ("--wild-type", REFERENCE, "--batch", 2, "--threads", 1, "--settings", "{surrogate: gp, scale: linear}")
    result = cli("propose", "proteins", "--journal", journal, *flags, "-o", "next.csv")
    told = "2 of the items without a value have an entry in campaign.csv.rejects.csv that is no number: they are"
    assert told.replace("campaign.csv.rej", f"{journal}.rej") in result.err, result.err


def test_less_may_be_better(cli, journal):
    done = cli("report", journal, "--domain", "proteins", "--minimize", "-o", "page.html", "--json")
    assert json.loads(done.out)["best"] == 0.5


def test_a_campaign_of_molecules_has_no_sites(cli, journal, tmp_path):
    journal.write_text(
        "round,item,kind,value,value_sd,predicted,lower,upper,source\n"
        "1,CCO,measured,0.31,,,,,round1.csv\n1,CCC,measured,0.1,0.02,,,,round1.csv\n2,CCN,proposed,,,0.4,0.3,0.5,pool\n"
    )
    assert cli("report", journal, "--domain", "molecules", "-o", "page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert ids(page) == {"candidates", "rounds", "plate", "provenance"}
    assert "0.07 to 0.13" in page, "0.1 -+ 1.645 * 0.02"


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["campaign.csv"], 2, "--domain"),
        (["nothing.csv", "--domain", "proteins"], 3, "found nothing"),
        ([".", "--domain", "proteins"], 2, "Expected a journal"),
        (["campaign.csv", "--domain", "molecules", "--wild-type", "MK"], 2, "no variants by name"),
        (["campaign.csv", "--domain", "proteins", "--settings", "{}"], 2, "no --settings"),
        (["empty.csv", "--domain", "proteins"], 3, "sciencegen record"),
    ],
)
def test_what_is_wrong_is_said(cli, journal, tmp_path, flags, code, said):
    (tmp_path / "empty.csv").write_text(JOURNAL.splitlines()[0] + "\n")
    done = cli("report", *flags)
    assert (done.code, said in done.err) == (code, True), done.err
    assert not list(tmp_path.glob("*.html"))


def test_measured_values_have_90_percent_intervals_too_and_replicates_that_disagree_are_named(cli, journal, tmp_path):
    more = "".join(f"3,M{a}VLA{a},measured,{1 + side},,,,,r3.csv\n" for a in "CDEF" for side in (-0.1, 0.1))
    journal.write_text(JOURNAL + more)
    done = cli("report", journal, "--domain", "proteins", "--wild-type", REFERENCE)
    assert done.code == 0, done.err
    page = (tmp_path / "campaign.html").read_text()
    told = "Replicates of 1 measured item differ far beyond the error of a measurement: WT."
    assert told in page
    assert "1.645" in page
    assert re.search(r">1\.10?4? to 1\.(90?|896)<", page), "1.5 -+ 1.645 s / sqrt(2), s^2 = (0.5 + 4 * 0.02) / 5 pooled"
