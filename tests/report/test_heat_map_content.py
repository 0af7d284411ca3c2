"""Heat maps and logos of a run and of measured items; a domain without letters in columns has none."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.api.report import report
from sciencegen.api.reports import sites as report_sites
from sciencegen.api.reports.contents import RunContents
from sciencegen.config import RunSettings
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.proteins import DOMAIN as PROTEINS
from sciencegen.domains.proteins.variants import Reference
from sciencegen.report.heat_map_content import of_items, of_variants
from sciencegen.report.letters import changes_of, lay, logo_of

REFERENCE = Reference("MKVLAW", 24)
SCORES = {"mutant": ["K25R", "V26A", "V26-", "K25R:V26A", "no"], "score": [1.0, -2, -5, 9, 9], "score_sd": [0.5] * 5}


def value(made, letter, site):
    return made.values[list(made.rows).index(letter)][list(made.columns).index(site)]


def test_each_single_change_has_its_cell():
    (made,) = of_variants(PROTEINS, SCORES, {})
    assert (list(made.columns), list(made.reference)) == (["25", "26"], ["K", "V"])
    assert [value(made, *cell) for cell in (("R", "25"), ("A", "26"), ("-", "26"))] == [1, -2, -5]
    assert np.isfinite(made.values).sum() == 3
    assert made.asides[list(made.rows).index("R")][0] == "± 0.5"
    assert (made.name, made.unit, made.centre, made.direction) == ("score", "nats", 0.0, "maximize")


@pytest.mark.parametrize(
    ("names", "values", "centre", "said"),
    [
        (["K25R", "K25A", "WT"], [3.0, 5.0, 4.5], 4.5, "the wild type"),
        (["K25R", "K25A", math.nan], [3.0, 5.0, 4.5], 4.5, "the median"),  # an empty cell of a table is no wild type
        (["K25R", "K25A", "K25G"], [3.0, -5.0, 4.0], 0.0, ""),
        (["K25R", "K25A", "K25G"], [3.0, 5.0, 4.0], 4.0, "the median"),
    ],
)
def test_a_predicted_property_comes_before_the_score(names, values, centre, said):
    bounds = {"fitness_lower": [value - 1 for value in values], "fitness_upper": [value + 1 for value in values]}
    table = {"mutant": names, "score": [0.0] * 3, "fitness": values, **bounds}
    (made,) = of_variants(PROTEINS, table, {"fitness": "minimize"})
    assert (made.name, made.centre, made.centre_name, made.direction) == ("fitness", centre, said, "minimize")
    assert made.asides[list(made.rows).index("R")][0] == "(2 to 4)"


@pytest.mark.parametrize("table", [{}, {"mutant": ["WT"], "score": [0.0]}, {"mutant": ["K25R"], "score": [math.nan]}])
def test_without_single_changes_there_is_no_map(table):
    assert of_variants(PROTEINS, table, {}) == []


def test_other_domains_have_none():
    assert of_variants(MOLECULES, SCORES, {}) == []
    assert lay(MOLECULES, ["CCO"], None) is None


def test_a_cell_of_measured_items_is_the_mean_of_those_that_have_it():
    texts = ["MKVLAW", "MRVLAW", "MRALAW", "MK"]
    sites = lay(PROTEINS, texts, REFERENCE)
    (made,) = of_items(PROTEINS, sites, [1.0, 3.0, 6.0, 99.0], "value", "maximize")
    assert list(made.columns) == ["25", "26"]
    assert [value(made, *cell) for cell in (("R", "25"), ("K", "25"), ("A", "26"), ("V", "26"))] == [4.5, 1, 6, 2]
    assert (made.centre, made.centre_name) == (1.0, "the wild type")
    assert made.asides[list(made.rows).index("R")][0] == "(of 2)"
    assert of_items(PROTEINS, lay(PROTEINS, texts[:1] * 3, None), [1.0] * 3, "value", None) == []


def test_changes_are_named_as_the_reference_numbers_them():
    sites = lay(PROTEINS, ["MKVLAW", "MRVLAY", "MK"], REFERENCE)
    assert [changes_of(sites, row) for row in sites.rows] == ["WT", "K25R:W29Y", ""]


def test_a_logo_counts_by_weight_and_shows_what_varies():
    sites = lay(PROTEINS, ["MKVLAW", "MRVLAW", "MKVLAW"], REFERENCE)
    made = logo_of(PROTEINS, sites, {"found": [0, 1], "known": [2]}, np.array([1.0, 2.0, 5.0]))
    assert (list(made.columns), list(made.reference)) == (["25"], ["K"])
    column = dict(zip(made.letters, made.counts["found"][0], strict=True))
    assert (column["K"], column["R"], column["A"]) == (1, 2, 0)
    assert sum(made.counts["known"][0]) == 5
    assert "1 of 6 sites" in made.note
    assert logo_of(PROTEINS, lay(PROTEINS, ["MKVLAW"], REFERENCE), {"found": [0]}) is None


def test_of_a_long_item_the_first_group_decides():
    texts = ["A" * 100, "A" * 99 + "C", "C" * 100]
    made = logo_of(PROTEINS, lay(PROTEINS, texts, None), {"found": [0, 1], "known": [2]})
    assert list(made.columns) == ["100"]


def write_run(folder):
    items = ["MRVLAW", "MKALAW"]
    table = {"rank": [1, 2], "id": ["a", "b"], "item": items, "charge": [1.0, 0.5], "novel": pa.array([True, True])}
    pq.write_table(pa.table(table), folder / "candidates.parquet")
    (folder / "variants.csv").write_text("mutant,score,score_sd\nK25R,1.0,0.1\nV26A,-2.0,\n")
    (folder / "plate.csv").write_text(
        "item,mutant,fitness,round,predicted,lower,upper,source\nMRALAW,K25R:V26A,,1,0.5,0.1,0.9,model\n"
    )


def test_a_run_folder_shows_variants_and_the_next_plate(tmp_path):
    write_run(tmp_path)
    report(tmp_path, settings=RunSettings(domain="proteins", optimize={"goals": ["maximize charge"]}))
    page = (tmp_path / "report.html").read_text()
    for key in ("changes", "plate", "logo"):
        assert f'id="{key}"' in page
    assert "predicted fitness" in page


def test_a_run_s_reference_is_what_its_data_or_model_tell(tmp_path):
    write_run(tmp_path)
    run = RunContents(tmp_path, RunSettings(domain="proteins"))
    assert run.frame is None
    assert list(report_sites.logo(run).columns) == ["2", "3"]
    told = {"reference": "MKVLAW", "first": 24, "columns": [0, 1, 2, 3, 4, 5]}
    run.__dict__["training"] = None
    run.__dict__["model"] = SimpleNamespace(
        representation=SimpleNamespace(to_json=lambda: told), recipe=SimpleNamespace(weight="")
    )
    del run.__dict__["frame"]
    assert list(report_sites.logo(run).columns) == ["25", "26"]
    assert ">K25<" in report_sites.plate(run).pictures[0]
    assert json.dumps(run.frame) == json.dumps(told)


def test_a_plate_names_what_it_predicts():
    table = {"item": ["CCO"], "value": [None], "predicted": [1.0], "lower": [0.0], "upper": [2.0], "source": ["x"]}
    made = report_sites.plate_of(MOLECULES, table, None, 10)
    assert [(column.name, list(column.lower)) for column in made.columns] == [("predicted", [0.0]), ("source", [])]
    unnamed = report_sites.plate_of(MOLECULES, {"item": ["CCO"], "mutant": [""], "yield": [math.nan]} | table, None, 10)
    assert [column.name for column in unnamed.columns] == ["predicted yield", "source"]
