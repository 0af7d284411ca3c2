"""Items by the names of their changes against a reference."""

import pytest
from pointclouds import DOMAIN as CLOUDS

from sciencegen.api.science import (
    Numbering,
    ReadItems,
    check_kept,
    columns_of,
    constraint_of,
    name_conflicts,
    names_of,
    parse_texts,
    read_rows_of,
    reference_of,
    variants_of,
)
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal, Row

WILD = "MKVLAW"


def test_a_name_and_the_sequence_it_means_are_one_item():
    by_name, whole, other = parse_texts(DOMAIN, ["K2A", "MAVLAW", "K3A"], WILD)
    assert DOMAIN.items.text(by_name) == DOMAIN.items.text(whole) == "MAVLAW"
    assert isinstance(other, Refusal)
    found = ReadItems("proteins", reference_of(DOMAIN, WILD))(["K2A", "MK"])
    assert (found[0][0], found[0][2]) == ("MAVLAW", "K2A")
    assert isinstance(found[1], Refusal), "of another length it has no name"


def test_a_domain_without_variants_has_no_reference():
    assert reference_of(CLOUDS, None) is None
    with pytest.raises(ConfigError, match="no variants by name"):
        variants_of(CLOUDS)
    assert columns_of(CLOUDS, True)[0] == CLOUDS.items.columns[0]
    assert columns_of(CLOUDS, None) == CLOUDS.items.columns


def test_the_column_of_names_is_read_where_there_is_a_reference(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("sequence,mutant\nMKVLAW,K2A\n")
    assert [row.text for row in read_rows_of(DOMAIN, path, None, WILD)] == ["K2A"]
    assert [row.text for row in read_rows_of(DOMAIN, path, None, None)] == ["MKVLAW"]


def test_a_name_beside_another_item_is_refused_and_a_strange_one_noted():
    rows = [
        (Row(line, item, cells={"mutant": name}), item)
        for line, item, name in ((1, "MAVLAW", "K2A"), (2, "MAVLAW", "K2R"), (3, "MAVLAW", "K9R"))
    ]
    found = name_conflicts(names_of(DOMAIN, WILD), rows)
    assert [(line, reason) for line, _, reason in found.refused] == [
        (2, "the item is K2A, its 'mutant' says K2R: correct one of them, or empty it")
    ]
    assert [row.line for row, _ in found.agreeing(rows)] == [1, 3]
    assert found.notes[0].startswith("1 names beside an item")


def test_rows_that_another_numbering_would_fit_get_its_hint():
    numbering = Numbering(names_of(DOMAIN, WILD))
    numbering.look(["M24A", "K25A", "V26A"], [], 3)
    assert "24" in numbering.hint
    assert numbering.hinted([(1, "M24A", "why")]) == [(1, "M24A", f"why; {numbering.hint}")]
    assert Numbering(None).notes == []


def test_odd_items_pass_where_nothing_or_they_themselves_are_known():
    odd = MOLECULES.items.parse("NC(=O)C1CCCCCCCC1")
    given = {"everything": (False, []), "no search": (True, None), "known": (True, [odd]), "unknown": (True, [])}
    accepted = {name: constraint_of(MOLECULES, (), (), None, *options)(odd) for name, options in given.items()}
    assert accepted == {"everything": True, "no search": True, "known": True, "unknown": False}


@pytest.mark.parametrize("setting", ["keep", "core"])
def test_a_part_that_is_always_implausible_is_an_error_unless_such_items_are_kept(setting):
    with pytest.raises(ConfigError, match=f"`{setting}` .*'OO'.* peroxide .*`plausible: false`"):
        check_kept(MOLECULES, {setting: ["c1ccccc1", "OO"]}, True)
    check_kept(MOLECULES, {setting: ["OO"]}, False)
    check_kept(CLOUDS, {setting: ["OO"]}, True)
