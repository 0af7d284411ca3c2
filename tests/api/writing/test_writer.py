"""Writers: rows without an item don't stop a file, and a failed file is removed."""

from __future__ import annotations

import pandas as pd
import pytest
from rdkit import Chem

from sciencegen.api.optimize import SearchFiles, SearchRecord
from sciencegen.api.science import domain_of, read_rows_of
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, open_output
from sciencegen.data.tables import READ_TABLES
from sciencegen.data.writers import WRITTEN_TABLES
from sciencegen.domains import load_domain
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.domains.molecules import DOMAIN
from sciencegen.items import Origin


class Unchanged:
    """Completes no item; items that can't be completed would be written without structures."""

    needed = False

    def __call__(self, items):
        return items


def test_a_row_without_an_item_is_listed_and_the_others_keep_their_names_and_values(tmp_path):
    path = tmp_path / "x.sdf"
    with open_output("molecules", str(path), ["item", "qed"], OutputOptions(Unchanged())) as writer:
        writer.write({"item": ["CCO", ""], "qed": [0.4, float("nan")]})
        writer.write({"item": ["c1ccccc1"], "qed": [0.5]})
    molecules = list(Chem.SDMolSupplier(str(path)))
    assert [m.GetProp("_Name") for m in molecules] == ["1", "3"]
    assert [float(m.GetProp("qed")) for m in molecules] == [0.4, 0.5]
    assert pd.read_csv(f"{path}.rejects.csv")["line"].tolist() == [2]


@pytest.mark.parametrize("ending", READ_TABLES)
@pytest.mark.parametrize(("domain", "item"), [("molecules", "CCO"), ("proteins", "MKV"), ("proteins/aligned", "MK-")])
def test_every_table_that_is_written_is_read_again_whatever_the_case(tmp_path, domain, item, ending):
    written = tmp_path / f"x{ending if ending in WRITTEN_TABLES else '.csv'}"
    with open_output("molecules", str(written), ["item"]) as writer:
        writer.write({"item": [item]})
    path = written.rename(tmp_path / f"plate.v1{ending.upper()}")
    assert [row.text for row in domain_of(domain).items.read(path)] == [item]
    assert [row.text for row in read_rows_of(domain_of("proteins"), path, None, "MKV")] == [item]


@pytest.mark.parametrize("ending", [".csv", ".fits"])
@pytest.mark.parametrize("rows", [0, 1])
def test_an_interrupted_output_has_finished_rows_or_is_no_file(tmp_path, ending, rows):
    path = tmp_path / f"x{ending}"
    stamp = next(simulate(SurveySettings("euclid", 24), 0, 0, 1)).observed
    texts = [load_domain("galaxies").items.text(stamp)] * rows

    def interrupted():
        with open_output("galaxies", str(path), ["item"]) as writer:
            writer.write({"item": texts})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.exists() == bool(rows)
    assert rows or not list(tmp_path.iterdir())


def test_an_output_that_fails_leaves_no_half_of_its_rejects(tmp_path):
    class Full:
        def open(self):
            return

        def close(self, kept):
            raise OSError("disk full")

    writer = OutputWriter(str(tmp_path / "x.sdf"), Full())
    with pytest.raises(OSError, match="disk full"), writer:
        writer.reject([(1, "junk", "no molecule")])
    assert list(tmp_path.iterdir()) == []


def test_no_id_breaks_its_line_or_extends_the_item(tmp_path):
    """A line break would start another item, and "|" a CXSMILES extension, for which the row is refused."""
    ids = ["one\ntwo", "|$R1$|", "  | x | y", "", "plain"]
    with open_output("molecules", str(tmp_path / "x.smi"), ["item", "id"]) as writer:
        writer.write({"item": ["CCO"] * 4 + [""], "id": ids})
    rows = list(DOMAIN.items.read(tmp_path / "x.smi"))
    assert [row.text for row in rows] == ["CCO"] * 4 + [""]
    assert [row.id for row in rows] == ["one two", "$R1$|", "x | y", "", ""]
    DOMAIN.items.write(tmp_path / "y.smi", [DOMAIN.items.parse("CCO")] * 2, ids[:2], {})
    assert [(row.text, row.id) for row in DOMAIN.items.read(tmp_path / "y.smi")] == [
        ("CCO", "one two"),
        ("CCO", "$R1$|"),
    ]


@pytest.mark.parametrize("ending", [".csv", ".sdf"])
def test_candidates_of_a_form_are_plain_in_tables_and_whole_in_structures(tmp_path, ending):
    form = load_domain("molecules/structures")
    DOMAIN.items.write(tmp_path / "in.sdf", [DOMAIN.items.parse("CCO")], ["a"], {})
    (text,) = [row.text for row in form.items.read(tmp_path / "in.sdf")]
    table, origin = {"rank": [1], "item": [text]}, Origin("optimize", "my-model")
    found = SearchRecord("molecules/structures", table, {}, {}, [], {}, origin=origin)
    path = tmp_path / f"out{ending}"
    found.write(SearchFiles(str(path)))
    assert not list(tmp_path.glob("*.rejects.csv"))
    (row,) = DOMAIN.items.read(path)
    assert row.text == "CCO"
    assert ending == ".csv" or "by my-model" in path.read_text()
