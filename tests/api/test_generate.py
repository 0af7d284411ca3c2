"""generate: the requested number of items, determined by the seed, written as returned."""

from types import SimpleNamespace

import pandas as pd
import pytest

from sciencegen.api import generate as verb
from sciencegen.api.generate import generate
from sciencegen.api.replay import resolve_replay
from sciencegen.api.writing import writer
from sciencegen.api.writing.output_record import read_record
from sciencegen.api.writing.writer import LineSink, OutputWriter
from sciencegen.config import GenerateSettings, ReplaySettings
from sciencegen.domains.molecules.synthesis import replay
from sciencegen.errors import ConfigError, DataError, SciencegenError
from tests.domains.molecules.synthesis.stocks import BLOCKS


@pytest.mark.usefixtures("tiny_draws")
def test_a_seed_decides_the_items_and_a_file_holds_them(workspace, tmp_path):
    options = {"model": str(workspace.model), "threads": 1, "include": ["height"]}
    first, again, other = (generate("pointclouds", 4, seed=seed, **options) for seed in (1, 1, 2))
    assert first.table.equals(again.table)
    assert set(first.table["item"]) != set(other.table["item"])
    assert first.summary["written"] == len(first.table) == 4
    first.write(tmp_path / "x.csv")
    assert pd.read_csv(tmp_path / "x.csv")["item"].tolist() == first.table["item"].tolist()
    with pytest.raises(SciencegenError, match="height"):
        generate("pointclouds", 4, **{**options, "include": ["hieght"]})


@pytest.mark.usefixtures("tiny_draws")
def test_a_picture_shows_the_first_items_with_their_values(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "MOST_PICTURES", 3)
    drawn = generate("pointclouds", 4, model=str(workspace.model), threads=1, include=["height"])
    text = drawn.write(tmp_path / "x.svg").read_text()
    assert [f">height {value:.3g}<" in text for value in drawn.table["height"]] == [True, True, True, False]
    assert pd.read_csv(tmp_path / "x.svg.csv")["item"].tolist() == drawn.table["item"].tolist()
    assert generate("pointclouds", 4, model=str(workspace.model), threads=1, include=["height"]).write(
        tmp_path / "y.svg"
    ).read_text() == text  # fmt: skip
    assert (tmp_path / "y.svg.csv").exists()
    with pytest.raises(ConfigError, match="is a picture"):
        resolve_replay(tmp_path / "x.svg", 1, ReplaySettings())


class Placing(LineSink):
    """Lines for the first items; the others get no coordinates around the scaffold."""

    placed = 0

    def write(self, columns):
        super().write({"item": columns["item"][: self.placed]})
        self.unplaced = [(0, text, "not placed") for text in columns["item"][self.placed :]]

    def close(self, kept):
        super().close(kept)
        return self.unplaced


@pytest.mark.usefixtures("tiny_draws")
@pytest.mark.parametrize("placed", [0, 3])
def test_what_a_scaffold_leaves_unplaced_does_not_count_as_written(workspace, tmp_path, monkeypatch, placed):
    resolve = verb.resolve_generate

    def around_a_part(*arguments):
        request = resolve(*arguments)
        request.draws.scaffold = SimpleNamespace()
        return request

    monkeypatch.setattr(verb, "resolve_generate", around_a_part)
    monkeypatch.setattr(verb, "open_output", lambda domain, output, *_: OutputWriter(output, Placing(output)))
    monkeypatch.setattr(Placing, "placed", placed)
    found = generate("pointclouds", 4, model=str(workspace.model), threads=1)
    assert found.summary["written"] == 4
    if placed:
        assert len(found.write(tmp_path / "x.txt").read_text().splitlines()) == placed
    else:
        with pytest.raises(DataError, match=r"x\.txt\.rejects\.csv"):
            found.write(tmp_path / "x.txt")
        assert not (tmp_path / "x.txt").exists()
    assert len(pd.read_csv(tmp_path / "x.txt.rejects.csv")) == 4 - placed
    assert found.summary["written"] == placed
    assert found.summary["left_out"] == {"not placed": 4 - placed}
    assert len(found.table) == 4


@pytest.mark.long
def test_what_is_asked_for_is_written_or_left_out_with_reasons(cli, tmp_path):
    model, path = "molecules-moses", tmp_path / "x.sdf"  # `molecules` decodes whatever is drawn
    shown = cli(
        *("generate", "molecules", "--model", model, "--raw"),
        *("-n", 40, "--noise-scale", 3, "--threads", 1, "-o", path),
    )
    blocks = path.read_text().count("$$$$")
    assert shown.code == 0, shown.err
    assert 0 < blocks < 40
    assert f"requested 40  written {blocks}" in shown.err
    assert f"left_out {40 - blocks} (no item was decoded: {40 - blocks})" in shown.err
    found = generate("molecules", 40, model=model, raw=True, settings={"noise_scale": 3}, threads=1)
    assert found.summary["ledger"] == {"draws": 40, "written": 40}
    found.write(tmp_path / "y.sdf")
    assert found.summary["ledger"] == {"draws": 40, "written": blocks, "no item was decoded": 40 - blocks}
    assert found.summary["written"] + sum(found.summary["left_out"].values()) == found.summary["requested"] == 40


@pytest.mark.long
def test_rows_from_building_blocks_have_routes(tmp_path):
    blocks = tmp_path / "blocks.smi"
    blocks.write_text("".join(f"{smiles} B{number}\n" for number, smiles in enumerate(BLOCKS)) + "not-one\n")
    options = {"blocks": str(blocks), "maximum_steps": 1, "forbid": "Br", "include": "qed", "seed": 1}
    first, again = (generate("molecules", 2, threads=threads, **options) for threads in (1, 2))
    assert first.table.equals(again.table)
    assert first.table["item"].is_unique
    assert list(first.table)[-5:] == ["route", "route_steps", "route_blocks", "draw", "similarity_to_draw"]
    for smiles, line, names in zip(*(first.table[name] for name in ("item", "route", "route_blocks")), strict=True):
        assert (route := replay(line)).smiles == smiles
        assert len(names.split("; ")) == len(route.blocks)
        assert "Br" not in smiles
    assert first.summary["replaced"] == (first.table["item"] != first.table["draw"]).sum()
    assert any("replace draws" in note for note in first.notes)
    path = first.write(tmp_path / "made.csv")
    assert "not-one,building block of" in path.with_name("made.csv.rejects.csv").read_text()


@pytest.mark.usefixtures("tiny_draws")
def test_what_ctrl_c_leaves_has_a_record_of_its_rows(workspace, tmp_path):
    """The rows that were drawn, but not written, are not in it."""
    request = verb.resolve_generate(
        "pointclouds", GenerateSettings(n=20, model=str(workspace.model), raw=True, threads=1)
    )
    generation, output = verb.Generation(request.draws), tmp_path / "x.csv"
    chunks = list(generation)

    def stopped():
        yield {name: cells[:5] for name, cells in chunks[0].items()}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        request.write(generation, request.open(str(output)), stopped())
    assert len(pd.read_csv(output)) == read_record(output).rows == 5
    assert read_record(output).draws == "0-4"
