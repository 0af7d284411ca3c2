"""The cards of public files that have no committed sample: their files are what the cards say.

Each test reads the file from the cache, or from its folder `downloads`, and is skipped where it lies in neither.
"""

import re

import pytest

from sciencegen.api.sources.tables import card_rows
from sciencegen.data.cards import load_card
from sciencegen.data.fetch import cache_root, fetch, is_fetched
from sciencegen.domains import load_domain
from sciencegen.domains.proteins import DOMAIN

FOLDER = cache_root() / "downloads"


def rows_of(name, file, science=DOMAIN):
    card = load_card(name)
    if not is_fetched(card) and not (FOLDER / file).is_file():
        pytest.skip(f"not on this machine: sciencegen datasets fetch {name}")
    fetch(card, offline=True)
    return card, list(card_rows(card, science, None, offline=True)["all"])


def test_four_sites_of_gb1():
    card, rows = rows_of("gb1-four-sites", "four_mutations_full_data.csv.zip")
    wild_type = card.reference.sequence
    assert len(rows) == len({row.text for row in rows}) == 149_361
    assert [wild_type[site - 1] for site in (39, 40, 41, 54)] == list("VDGV")
    elsewhere = wild_type[:38] + wild_type[41:53] + wild_type[54:]
    assert all(row.text[:38] + row.text[41:53] + row.text[54:] == elsewhere for row in rows)
    assert next(row for row in rows if row.text == wild_type).values["fitness"] == 1
    assert max(row.values["fitness"] for row in rows) == pytest.approx(8.762, abs=1e-3)


def test_single_mutants_of_beta_lactamase():
    card, rows = rows_of("blat-singles", "BLAT_ECOLX_Stiffler2015.csv")
    wild_type = card.reference.sequence
    assert len(rows) == len({row.text for row in rows}) == 4807
    assert {sum(a != b for a, b in zip(row.text, wild_type, strict=True)) for row in rows} == {1}
    assert set(rows[0].values) == {"log_fitness"}


def test_alignment_of_beta_lactamase():
    card, rows = rows_of("blat-alignment", "BLAT_ECOLX.a2m", load_domain("proteins/aligned"))
    records = (fetch(card, offline=True) / "BLAT_ECOLX.a2m").read_text().split(">")[1:]
    assert len(records) == card.files["all"].rows == 8403
    assert 7000 < len(rows) < 8403, "duplicates and what EVE's rules leave out"
    singles = load_card("blat-singles").reference
    name, *lines = records[0].splitlines()
    assert re.fullmatch(rf"BLAT_ECOLX/{singles.first}-\d+", name)
    assert "".join(lines).upper() == singles.sequence
