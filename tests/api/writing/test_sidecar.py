"""Tables of items that don't fit into a cell as text: they go to a file beside it."""

from __future__ import annotations

import pandas as pd
import pytest

from sciencegen.api.writing.writer import OutputOptions, SidecarFile, open_output, write_candidates
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.errors import ConfigError

MADE = [text for text, _ in DOMAIN.items.simulate({"side": 32}, 0, 0, 3)]


def keys(texts):
    return [DOMAIN.items.key(DOMAIN.items.parse(text)) for text in texts]


@pytest.mark.parametrize("name", ["best.csv", "best.csv.gz", "best.parquet"])
def test_cells_say_where_the_items_stand(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with open_output("galaxies", name, ["item", "flux"]) as writer:
        writer.write({"item": MADE[:2], "flux": [1.5, 2.5]})
        writer.write({"item": MADE[2:], "flux": [None]})
    table = pd.read_parquet(name) if name.endswith("parquet") else pd.read_csv(name)
    assert table["item"].tolist() == ["best.fits[0]", "best.fits[1]", "best.fits[2]"]
    assert keys(table["item"]) == keys(MADE)
    rows = list(DOMAIN.items.read(tmp_path / "best.fits"))
    assert [(row.id, row.values) for row in rows] == [("1", {"flux": 1.5}), ("2", {"flux": 2.5}), ("3", {})]
    assert keys(row.text for row in DOMAIN.items.read(tmp_path / name)) == keys(MADE)


def test_items_of_a_file_stay_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    DOMAIN.items.write(tmp_path / "in.fits", [DOMAIN.items.parse(text) for text in MADE], ["a", "b", "c"], {})
    read = [DOMAIN.items.text(DOMAIN.items.parse(f"in.fits[{number}]")) for number in range(3)]
    with open_output("galaxies", "out.csv", ["item"]) as writer:
        writer.write({"item": read})
    assert pd.read_csv("out.csv")["item"].tolist() == ["in.fits[0]", "in.fits[1]", "in.fits[2]"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.fits", "out.csv"]


def test_nobodys_file_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out.fits").write_text("mine")
    writer = open_output("galaxies", "out.csv", ["item"])
    with pytest.raises(ConfigError, match="Expected no file at out"), writer:
        writer.write({"item": MADE})
    assert [path.name for path in tmp_path.iterdir()] == ["out.fits"]
    assert (tmp_path / "out.fits").read_text() == "mine"


def test_of_two_tables_with_one_file_the_later_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, later = (open_output("galaxies", name, ["item"]) for name in ("out.parquet", "out.csv"))
    with first:
        first.write({"item": MADE[:1]})
    with pytest.raises(ConfigError, match="Expected no file at out"), later:
        later.write({"item": MADE[1:]})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.fits", "out.parquet"]
    assert keys(row.text for row in DOMAIN.items.read(tmp_path / "out.parquet")) == keys(MADE[:1])


def test_a_file_is_claimed_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "out.fits"
    SidecarFile(DOMAIN, DOMAIN.sidecar, "out.csv").claim([place])
    place.write_text("mine")
    with pytest.raises(ConfigError, match="Pass `force` to overwrite it"):
        SidecarFile(DOMAIN, DOMAIN.sidecar, "out.csv").claim([])
    SidecarFile(DOMAIN, DOMAIN.sidecar, "out.csv", overwrite=True).claim([tmp_path / "other.fits"])
    with pytest.raises(ConfigError, match=r"Expected another file to read than out\.fits"):
        SidecarFile(DOMAIN, DOMAIN.sidecar, "out.csv", overwrite=True).claim([place])
    SidecarFile(DOMAIN, DOMAIN.sidecar, "-").claim([place])


def test_with_leave_the_file_beside_a_lost_table_is_written_anew(tmp_path):
    table = tmp_path / "samples.parquet"
    for items in (MADE, MADE[:2]):
        with open_output("galaxies", str(table), ["item"], OutputOptions(overwrite=True)) as writer:
            writer.write({"item": items})
        assert keys(row.text for row in DOMAIN.items.read(table)) == keys(items)
        table.unlink()


def test_a_table_without_rows_goes_with_the_file_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_output("galaxies", "best.csv", ["item"]) as writer:
        writer.write({"item": MADE})
    (tmp_path / "mine.fits").write_text("mine")
    for name in ("best.csv", "mine.csv"):
        with open_output("galaxies", name, ["item"]) as writer:
            pass
        writer.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.fits"]


def test_standard_output_holds_the_texts(capsys):
    with open_output("galaxies", "-", ["item"]) as writer:
        writer.write({"item": MADE})
    assert capsys.readouterr().out.split() == ["item", *MADE]


def test_candidates_have_one_file_for_both_tables(tmp_path):
    write_candidates(DOMAIN, str(tmp_path / "best.parquet"), {"rank": [1, 2, 3], "item": MADE})
    tables = [pd.read_parquet(tmp_path / "best.parquet"), pd.read_csv(tmp_path / "best.csv")]
    assert tables[0]["item"].tolist() == tables[1]["item"].tolist() == [f"{tmp_path}/best.fits[{n}]" for n in range(3)]


def test_what_is_no_item_stays_as_it_is(tmp_path):
    companion = SidecarFile(DOMAIN, DOMAIN.sidecar, tmp_path / "x.csv")
    assert companion.cells({"item": ["", "junk"]}) == ["", "junk"]
    companion.write()
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_written_is_told_before_anything_is_computed(tmp_path):
    with pytest.raises(ConfigError, match=r"Expected `output` to end in .csv, .*.fits, .*.hdf5, got") as told:
        open_output("galaxies", str(tmp_path / "x.npz"), ["item"])
    assert ".npy" not in str(told.value)  # which is read, but not written


def test_a_terminal_gets_the_start_of_an_item_and_a_pipe_all_of_it(monkeypatch, capsys):
    def printed() -> str:
        with open_output("galaxies", "-", ["item", "flux"]) as writer:
            writer.write({"item": MADE[:1], "flux": [1.5]})
        return capsys.readouterr().out.splitlines()[1]

    assert MADE[0] in printed()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert len(printed()) < 60
