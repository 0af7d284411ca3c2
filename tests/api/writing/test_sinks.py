"""Sinks of rows: complete files, or none."""

import pytest

from sciencegen.api.writing.writer import LineSink, StructureSink, TableSink, write_structures
from sciencegen.domains.molecules import DOMAIN
from sciencegen.items import Refusal

ROWS = {"item": ["CCO", "CC"], "id": ["a", "b"], "qed": [0.5, 0.25]}
SINKS = {
    "x.csv": lambda output: TableSink(output, ["item", "qed"], str.lower),
    "x.smi": LineSink,
    "x.sdf": lambda output: StructureSink("molecules", output, ["item", "id", "qed"], None),
}


@pytest.mark.parametrize("name", SINKS)
def test_rows_that_are_not_kept_leave_no_file(tmp_path, name):
    for kept in (False, True):
        sink = SINKS[name](str(tmp_path / name))
        sink.open()
        sink.write(ROWS)
        assert sink.close(kept) == []
        assert [path.name for path in tmp_path.iterdir()] == [name] * kept


def test_tables_hold_cells_and_lines_names(tmp_path):
    for name in ("x.csv", "x.smi"):
        sink = SINKS[name](str(tmp_path / name))
        sink.open()
        sink.write(ROWS)
        sink.close(True)
    assert (tmp_path / "x.csv").read_text().splitlines() == ["item,qed", "cco,0.5", "cc,0.25"]
    assert (tmp_path / "x.smi").read_text().splitlines() == ["CCO a", "CC b"]


def test_an_item_that_had_to_be_completed_is_left_out_and_told(tmp_path):
    class Half:
        needed = True

        def __call__(self, items):
            return [items[0], Refusal("no structure")]

    assert write_structures(DOMAIN, tmp_path / "x.sdf", ROWS, Half()) == [(2, "CC", "no structure")]
    assert [row.id for row in DOMAIN.items.read(tmp_path / "x.sdf", None)] == ["a"]
