"""A file of building blocks, and items that can be made in place of others."""

import numpy as np
import pandas as pd
import pytest
from pointclouds import DOMAIN as CLOUDS

from sciencegen.api.sources.blocks import check_blocks, read_blocks
from sciencegen.domains.molecules import DOMAIN
from sciencegen.errors import ConfigError, DataError
from tests.domains.molecules.synthesis.stocks import BLOCKS


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("blocks") / "blocks.smi"
    path.write_text("".join(f"{smiles} B{number}\n" for number, smiles in enumerate(BLOCKS)) + "no-molecule\nC\n")
    return path


@pytest.fixture
def blocks(path):
    return read_blocks(DOMAIN, str(path), 1, 1)


def test_refused_rows_are_noted_and_kept(path, blocks):
    ((line, text, reason),) = blocks.refused
    assert (line, text) == (len(BLOCKS) + 1, "no-molecule")
    assert str(path) in reason
    assert any("1 rows" in note for note in blocks.notes)
    assert "fit to none:" in blocks.notes[0]


def test_tables_are_read_with_their_ids(tmp_path):
    path = tmp_path / "stock.csv"
    path.write_text("id,smiles\nacid,CC(=O)O\namine,NCc1ccccc1\n")
    moves = read_blocks(DOMAIN, str(path), 1, 1).moves
    (item,) = moves.nearest(DOMAIN.items.parse("CC(=O)NCc1ccccc1"), 1)
    assert moves.columns([item])["route_blocks"] == ["acid; amine"]


@pytest.mark.parametrize(("text", "kind"), [("zz\n", DataError), ("C\nCC\n", ConfigError), ("", DataError)])
def test_useless_stocks_are_refused(tmp_path, text, kind):
    path = tmp_path / "stock.smi"
    path.write_text(text)
    with pytest.raises(kind, match=r"Expected (building blocks|molecules)"):
        read_blocks(DOMAIN, str(path), 2, 1)


def test_other_domains_have_no_blocks(path):
    with pytest.raises(ConfigError, match="not made from building blocks"):
        read_blocks(CLOUDS, str(path), 2, 1)


def test_standard_input_is_refused_since_it_is_read_twice():
    with pytest.raises(ConfigError, match="got standard input"):
        check_blocks(DOMAIN, "-")


def test_workers_find_the_analogues_that_the_moves_find(blocks):
    texts = ["CC(=O)NCc1ccccc1", "CC(=O)NCc1ccccc1Cl"]
    found = list(blocks.entered(texts, 2))
    assert DOMAIN.items.text(found[0][0]) == texts[0]
    for text, items in zip(texts, found, strict=True):
        near = blocks.moves.nearest(DOMAIN.items.parse(text), 5)
        assert [DOMAIN.items.text(item) for item in items] == [DOMAIN.items.text(item) for item in near]
        assert all(blocks.moves.materials(item) is not None for item in items)


def test_tables_that_say_how_items_are_made_are_believed_after_a_check(blocks, path, tmp_path):
    others = read_blocks(DOMAIN, str(path), 1, 1).moves
    items = others.draw(3, np.random.default_rng(0))
    ways = others.columns(items)["route"]
    foreign = "acylation_nitrogen: CC(=O)O + NCc1ccccc1Cl -> CC(=O)NCc1ccccc1Cl"
    table = {"item": [*map(DOMAIN.items.text, items), "CC(=O)NCc1ccccc1Cl"], "route": [*ways, foreign]}
    for name in ("made.csv", "made.parquet"):
        frame = pd.DataFrame(table)
        frame.to_csv(tmp_path / name, index=False) if name.endswith("csv") else frame.to_parquet(tmp_path / name)
        fresh = read_blocks(DOMAIN, str(path), 1, 1)
        fresh.enter_ways(str(tmp_path / name), 1)
        assert fresh.moves.columns(items)["route"] == ways
        assert fresh.moves.materials(DOMAIN.items.parse("CC(=O)NCc1ccccc1Cl")) is None


def test_tables_without_ways_and_other_files_have_no_effect(blocks, path, tmp_path):
    (tmp_path / "plain.csv").write_text("item\nCCO\n")
    for source in (str(tmp_path / "plain.csv"), str(path), "solubility"):
        blocks.enter_ways(source, 1)
