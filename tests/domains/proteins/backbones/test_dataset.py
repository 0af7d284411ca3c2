"""The dataset `backbones`: its sample, and chains fetched from a server of our own."""

import gzip
import hashlib
import zlib

import yaml

from sciencegen.api.sources.tables import card_rows
from sciencegen.data.cards import load_card
from sciencegen.domains import load_domain
from sciencegen.domains.proteins.backbones.files import parse
from sciencegen.domains.proteins.backbones.geometry import assembly_clashes
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.representation import why_broken
from sciencegen.items import Refusal
from tests.data.conftest import server  # noqa: F401
from tests.domains.proteins.example_structures import pdb, peptide

SEQUENCE = "MKVLAWGHYEDRMKVL"
SCIENCE = load_domain("proteins/structures")


def test_the_sample_holds_whole_chains():
    items = [SCIENCE.items.parse(row.text) for row in load_card("backbones").sample_rows(SCIENCE.items.read)["all"]]
    assert len(items) == 20
    assert all(60 <= len(item) <= 120 for item in items)
    assert not any(map(why_broken, items))
    assert sum(assembly_clashes(item.copies) for item in items) <= 2  # as 3 to 7% of native chains
    assert (abs(SCIENCE.measure(items, ["rg_ratio"]) - 1.05) < 0.3).all()


def test_its_coordinates_are_no_sequences():
    row = next(load_card("backbones").sample_rows(SCIENCE.items.read)["all"])
    assert "`form` structures" in load_domain("proteins").items.parse(row.text).reason


def test_the_list_names_each_chain_once():
    card = load_card("backbones")
    with gzip.open(card.folder / "chains.csv.gz", "rt") as lines:
        rows = [line.strip().split(",") for line in lines][1:]
    assert len({row[0] for row in rows}) == card.files["all"].rows == 7384
    assert all(40 <= int(row[3]) - int(row[2]) + 1 <= 256 and row[0].startswith(row[1]) for row in rows)
    assert len({row[4] for row in rows}) == 7384


def test_chains_come_from_the_entries_of_a_server(server, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    entry = pdb([*peptide("GGGGGGGGGGGG", chain="A"), *peptide(SEQUENCE, 5, chain="B")])
    server.pages = {f"/1ab{n}.pdb.gz": gzip.compress(entry.encode()) for n in range(9)}
    crc = zlib.crc32(SEQUENCE[1:13].encode())
    items = [f"1ab{n}.pdb.gz:B:12/{crc if n else 7:08x}" for n in range(10)]
    table = "item,file\n" + "".join(f"{item},{item.partition(':')[0]}\n" for item in items)
    card = yaml.safe_load((load_card("backbones").folder / "card.yaml").read_text())
    card["files"]["all"] |= {"name": "list.csv", "rows": 10}
    listed = {"path": "list.csv", "sha256": hashlib.sha256(table.encode()).hexdigest()}
    card |= {"samples": {}, "sources": [{"kind": "listed", "url": f"{server.url}/{{file}}", "files": {"all": listed}}]}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    (tmp_path / "list.csv").write_text(table)
    found = [parse(row.text) for row in card_rows(load_card(tmp_path), SCIENCE, None, offline=False)["all"]]
    assert "has the sequence that the list names" in found[0].reason
    assert all(isinstance(one, Backbone) and one.sequence == SEQUENCE[1:13] for one in found[1:9])
    assert isinstance(found[9], Refusal)
    assert "there is no file" in found[9].reason
