"""Variants, the next plate and logos of a run's folder."""

import json
import math
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq

from sciencegen.api.report import report
from sciencegen.api.reports import sections as report_sites
from sciencegen.api.reports.contents import RunContents
from sciencegen.config import RunSettings
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.proteins import DOMAIN

PLATE = {
    "item": ["MKV", "MKL", "MAV"], "fitness": [None, float("nan"), ""], "predicted": [1.0, 2.0, 3.0],
    "lower": [0.0, 1.0, 2.0], "upper": [2.0, 3.0, 4.0],
}  # fmt: skip


def test_predictions_are_of_the_column_that_waits_for_values():
    shown = report_sites.plate_of(DOMAIN, PLATE, None, 2)
    assert shown.items == ["MKV", "MKL"]
    assert shown.total == 3
    (column,) = [one for one in shown.columns if one.name == "predicted fitness"]
    assert (list(column.values), list(column.lower), list(column.upper)) == ([1.0, 2.0], [0.0, 1.0], [2.0, 3.0])


def test_a_plate_without_such_a_column_is_of_no_name():
    shown = report_sites.plate_of(DOMAIN, {**PLATE, "fitness": [0.5, None, None]}, None, 9)
    assert {"fitness", "predicted"} <= {one.name for one in shown.columns}


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
