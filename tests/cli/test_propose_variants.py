"""propose and record on variants of a protein: by name or written out, within a design space, and back from the lab."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from sciencegen.api.propose import propose
from sciencegen.api.score import predict
from sciencegen.domains.proteins.variants import Reference, apply_variant, variant_name
from sciencegen.errors import DataError
from sciencegen.optimization.journal import read_journal
from tests.domains.proteins.examples import GB1

SAMPLE = Path(__file__).parents[2] / "datasets/proteins/gb1-doubles/sample_train.csv.gz"
WILD = GB1[1:]
"""As in the sample, whose residue 1 is 2 in the literature."""
FAST = (
    "--threads",
    1,
    "--settings",
    "{surrogate: gp, scale: linear, breeding: {children: 60, generations: 2, draws: 40}}",
)
BATCH = ("--batch", 8)


@pytest.fixture
def measured():
    """90 double mutants of GB1's sample: doubles.csv with sequences, named.csv with names from number 2."""
    table = pd.read_csv(SAMPLE).head(90)
    table = pd.DataFrame({"item": table["item"], "value": table["fitness"]})
    table.to_csv("doubles.csv", index=False)
    names = [variant_name(Reference(WILD, 2), item) for item in table["item"]]
    pd.DataFrame({"mutant": names, "value": table["value"]}).to_csv("named.csv", index=False)
    Path("gb1.fasta").write_text(f">GB1/2-56 without its methionine\n{WILD}\n")
    return table


@pytest.mark.long
def test_names_and_sequences_make_one_plate(cli, measured):
    space = ("--wild-type", "gb1.fasta", "--space", "maximum_mutations=3")
    for table in ("doubles", "named"):
        flags = ("--measured", f"{table}.csv", *space, *BATCH, *FAST, "-o", f"from_{table}.csv")
        result = cli("propose", "proteins", *flags)
        assert result.code == 0, result.err
        assert "55 of 55 positions are open: Q2, Y3" in result.err
    assert Path("from_doubles.csv").read_bytes() == Path("from_named.csv").read_bytes()
    plate = pd.read_csv("from_named.csv")
    assert list(plate)[:4] == ["id", "item", "mutant", "value"]
    assert plate["id"].tolist() == [f"r2-{number}" for number in range(1, 9)]
    assert not set(plate["item"]) & set(measured["item"])
    assert plate["mutant"].str.count(":").max() <= 2
    assert [apply_variant(Reference(WILD, 2), name) for name in plate["mutant"]] == plate["item"].tolist()


def test_a_plate_stays_at_its_positions_and_residues_and_off_forbidden_motifs(cli, measured):
    options = ("positions=V39-41,54", "residues='FWYLI 54:*'", "maximum_mutations=2", f"reference={WILD}/2-56")
    space = [part for option in options for part in ("--space", option)]
    result = cli("propose", "proteins", "--measured", "doubles.csv", *space, "--forbid", "GF", *FAST, "-o", "p.csv")
    assert result.code == 0, result.err
    assert "4 of 55 positions are open: V39 (FILWY), D40 (FILWY), G41 (FILWY), V54;" in result.err
    assert "90 measured items lie outside the design space; the model is fitted to them" in result.err
    plate = pd.read_csv("p.csv")
    assert set(plate["source"]) == {"pool"}
    changes = [change for name in plate["mutant"] if name != "WT" for change in name.split(":")]
    assert {change[:-1] for change in changes} <= {"V39", "D40", "G41", "V54"}
    assert all(change[-1] in "FWYLI" for change in changes if "54" not in change)
    assert plate["mutant"].str.count(":").max() == 1
    assert not plate["item"].str.contains("GF").any()


def test_no_change_stands_in_more_of_a_plate_than_its_share(cli, measured):
    space = ("--wild-type", "gb1.fasta", "--space", "maximum_mutations=3")
    flags = ("--measured", "named.csv", *space, "--batch", 20, *FAST, "-o", "p.csv")

    def most(*share):
        result = cli("propose", "proteins", *flags, *share, "--force")
        assert result.code == 0, result.err
        return pd.read_csv("p.csv")["mutant"].str.split(":").explode().value_counts().iloc[0]

    assert most() > 4
    assert most("--set", "maximum_share=0.2") == 4
    nobody = cli("propose", "proteins", "--measured", "doubles.csv", "--set", "maximum_share=0.2", *BATCH, *FAST)
    assert nobody.code == 2
    assert "Pass --wild-type" in nobody.err


def test_controls_have_wells_and_candidates_that_are_offered_are_considered(cli, measured):
    space = ("--wild-type", "gb1.fasta", "--space", "maximum_mutations=2")
    pd.DataFrame({"mutant": ["A24Y", "V39A:D40W", "X1Y"]}).to_csv("found.csv", index=False)
    extra = ("--also", "found.csv", "--control", "WT", "--control", measured["item"][3])
    few = ("--threads", 1, "--settings", "{surrogate: gp, scale: linear, breeding: {children: 40, generations: 1}}")
    flags = ("--measured", "named.csv", *space, *extra, "--batch", 44, *few, "-o", "p.csv")
    result = cli("propose", "proteins", *flags, "--journal", "campaign.csv")
    assert result.code == 0, result.err
    plate = pd.read_csv("p.csv")
    assert len(plate) == 44
    assert plate["item"].tolist()[-2:] == [WILD, measured["item"][3]]
    assert plate["source"].tolist()[-2:] == ["control", "control"]
    assert plate["predicted"].notna().all()
    offered = plate[plate["source"] == "offered"]["mutant"].tolist()
    assert offered == ["A24Y", "V39A:D40W"] or offered == ["V39A:D40W", "A24Y"]
    assert pd.read_csv("p.csv.rejects.csv")["item"].tolist() == ["X1Y"]
    again = cli("propose", "proteins", "--journal", "campaign.csv", *space, *BATCH, *FAST, "-o", "q.csv", "--json")
    assert json.loads(again.out)["pending"] == 43  # the measured control isn't pending
    full = cli("propose", "proteins", *flags[:-2], "--batch", 2)
    assert full.code == 2
    assert "Expected fewer controls than items of the plate" in full.err


def test_a_control_is_no_pick_too_and_its_cost_counts(cli, measured):
    pd.DataFrame({"mutant": ["A24Y", "V39A", "D40W", "D40Y"], "cost": 5}).to_csv("pool.csv", index=False)
    wild, pool = ("--wild-type", "gb1.fasta", "--batch", 4, *FAST, "--force", "-o", "p.csv"), ("--pool", "pool.csv")
    for known in ((), ("--measured", "named.csv")):
        assert cli("propose", "proteins", *known, *pool, "--control", "A24Y", *wild).code == 0
        assert pd.read_csv("p.csv")["mutant"].value_counts().to_dict() == dict.fromkeys(
            ["A24Y", "V39A", "D40W", "D40Y"], 1
        )
        flags = (*known, *pool, "--control", "A24Y", "--cost-limit", 10, *wild)
        assert cli("propose", "proteins", *flags).code == 5
        assert pd.read_csv("p.csv")["cost"].sum() == 10
    dear = cli("propose", "proteins", *pool, *("--control", "A24Y") * 2, "--cost-limit", 10, *wild)
    assert dear.code == 2
    assert "Expected controls that cost less than --cost-limit 10, these cost 10" in dear.err
    assert cli("propose", "proteins", "--control", "WT", *wild).code == 0  # also at the start of a campaign
    assert pd.read_csv("p.csv")["source"].tolist() == ["mutation"] * 3 + ["control"]


def test_what_is_told_of_a_plate_is_of_its_picks_and_of_all_that_was_refused(cli, measured):
    worst = measured.sort_values("value")["item"].head(2)
    pd.DataFrame({"mutant": ["A24Y", "V39A", "X1Y"]}).to_csv("pool.csv", index=False)
    flags = ("--measured", "named.csv", "--pool", "pool.csv", "--batch", 4, *FAST, "-o", "p.csv", "--json")
    controls = ("--control", worst.iloc[0], "--control", worst.iloc[1])
    result = cli("propose", "proteins", *flags, "--wild-type", "gb1.fasta", *controls)
    assert result.code == 0, result.err
    plate, told = pd.read_csv("p.csv"), json.loads(result.out)
    assert (plate["predicted"] < -1).all()
    assert "2 of the plate's 4 items (r2-1, r2-2) are expected below the wild type" in result.err
    assert (told["refused"], told["rejects"]) == (1, "p.csv.rejects.csv")
    short = cli("propose", "proteins", "--measured", "doubles.csv", *BATCH, "--control", "WT", *FAST)
    assert short.code == 2
    assert "Expected controls as long as the measured items" in short.err


def test_a_first_plate_may_be_of_what_is_offered(cli, measured):
    pd.DataFrame({"mutant": ["A24Y", "V39A:D40W", "A24Y:D40W"]}).to_csv("found.csv", index=False)
    flags = ("--also", "found.csv", "--wild-type", "gb1.fasta", "--space", "maximum_mutations=2", "--batch", 3)
    both = cli("propose", "proteins", *flags, "--pool", "found.csv", *FAST)
    assert both.code == 2
    assert "got both" in both.err
    assert cli("propose", "proteins", *flags, "--control", "WT", *FAST, "-o", "p.csv").code == 0
    assert pd.read_csv("p.csv")["source"].iloc[-1] == "control"


def test_what_is_wished_holds_for_every_item_of_a_plate(cli, measured):
    made = cli(
        "train", "predictor", "proteins", "named.csv", "--target", "value", "--wild-type", "gb1.fasta", "--threads", 1,
        "--settings", "{evaluation_folds: 2, evaluation_repeats: 1, settings: {families: [ridge]}}", "-o", "known",
    )  # fmt: skip
    assert made.code == 0, made.err
    flags = ("--measured", "named.csv", "--wild-type", "gb1.fasta", "--space", "maximum_mutations=4", "--batch", 12)
    flags = (*flags, "--predictor", "x=known", *FAST, "--force", "-o", "p.csv")
    assert cli("propose", "proteins", *flags).code == 0
    assert not pd.read_csv("p.csv")["predictor_x_in_domain"].all()
    wished = cli("propose", "proteins", *flags, "--where", "x in domain", "--where", "x >= -4")
    assert wished.code == 0, wished.err
    plate = pd.read_csv("p.csv")
    assert len(plate) == 12
    assert plate["predictor_x_in_domain"].all()
    assert plate["predictor_x"].min() >= -4
    wrong = cli("propose", "proteins", *flags, "--where", "y in domain")
    assert wrong.code == 2
    assert "Expected a predictor in 'y in domain'" in wrong.err


def test_what_a_card_knows_of_the_wild_type_counts_as_measured(cli):
    flags = ("--measured", "gb1-doubles/train", "--target", "fitness", "--batch", 4, "--threads", 1)
    flags += ("--settings", "{limit: 60, surrogate: gp, scale: linear, breeding: {children: 60, generations: 1}}")
    result = cli("propose", "proteins", *flags, "-o", "p.csv", "--journal", "campaign.csv")
    assert result.code == 0, result.err
    (wild,) = [entry for entry in read_journal("campaign.csv").measured if entry.item == WILD]
    assert wild.value == 0
    assert "the wild type itself isn't among the measured items" not in result.err
    flags = ("--target", "fitness", "--settings", "{limit: 60, evaluation_folds: 2, settings: {families: [ridge]}}")
    made = cli("train", "predictor", "proteins", "gb1-doubles/train", *flags, "--threads", 1, "-o", "known", "--json")
    assert json.loads(made.out)["rows"] == 61


def test_a_forbidden_motif_of_the_wild_type_stays_where_it_is_and_is_said(cli, measured):
    place = WILD.index("DG")
    space = ("--wild-type", "gb1.fasta", "--space", "maximum_mutations=2")
    result = cli("propose", "proteins", *space, "--forbid", "DG", "--batch", 40, *FAST, "-o", "p.csv")
    assert result.code == 0, result.err
    assert f"the wild type holds the forbidden 'DG' (DG at {place + 2}" in result.err
    known = {match.start() for match in re.finditer("DG", WILD)}
    assert all({match.start() for match in re.finditer("DG", item)} <= known for item in pd.read_csv("p.csv")["item"])


@pytest.mark.parametrize("ending", ["csv", "pq", "fasta"])
def test_a_plate_comes_back_from_the_lab_as_it_is(cli, measured, ending):
    name = f"round1.{ending}"
    space = ("--wild-type", "gb1.fasta", "--space", "maximum_mutations=2")
    flags = ("--measured", "named.csv", "--journal", "campaign.csv", *space, *BATCH, *FAST)
    assert cli("propose", "proteins", *flags, "-o", name).code == 0
    if ending == "fasta":
        filled = Path(name).read_text().replace(" round=", " value=1.5 round=")
        assert filled.count("value=1.5") == filled.count("mutant=") == 8
        Path(name).write_text(filled)
    else:
        plate = pd.read_csv(name) if ending == "csv" else pd.read_parquet(name)
        plate["value"] = 1.5
        plate.to_csv(name, index=False) if ending == "csv" else plate.to_parquet(name)
    done = cli("record", "proteins", name, "--journal", "campaign.csv", "--json")
    assert done.code == 0, done.err
    assert (json.loads(done.out)["recorded"], json.loads(done.out)["awaited"]) == (8, 0)
    again = cli("record", "proteins", name, "--journal", "campaign.csv", "--wild-type", "gb1.fasta", "--json")
    assert json.loads(again.out)["recorded"] == 0
    assert [entry.round for entry in read_journal("campaign.csv").measured] == [0] * 90 + [1] * 8


def test_names_are_recorded_as_sequences_and_wrong_rows_are_listed(cli, measured):
    rows = ["V39A:D40W", "A39V", "V999A", "", GB1, "WT", "v39a"]
    pd.DataFrame({"mutant": rows, "value": range(7)}).to_csv("lab.csv", index=False)
    done = cli("record", "proteins", "lab.csv", "--wild-type", "gb1.fasta", "--journal", "campaign.csv", "--json")
    assert json.loads(done.out)["recorded"] == 3, done.err
    found = [entry.item for entry in read_journal("campaign.csv").entries]
    assert [variant_name(Reference(WILD, 2), item) for item in found] == ["V39A:D40W", "WT", "V39A"]
    rejects = pd.read_csv("campaign.csv.rejects.csv")
    assert rejects["line"].tolist() == [3, 4, 5, 6]
    reasons = ("reference has V", "outside", "written WT", "56 letters")
    for reason, wanted in zip(rejects["reason"], reasons, strict=True):
        assert wanted in reason


def slipped(measured, path):
    """Sequences beside the names of the rows above them, but for the first, which has its own."""
    names = [variant_name(Reference(WILD, 2), item) for item in measured["item"]]
    table = measured.assign(mutant=[names[0], *names[:-1]])
    table.to_parquet(path) if path.endswith(".parquet") else table.to_csv(path, index=False)
    return names


@pytest.mark.parametrize("path", ["lab.csv", "lab.parquet"])
def test_an_item_and_a_name_that_disagree_are_refused_with_both(cli, measured, path):
    names = slipped(measured, path)
    done = cli("record", "proteins", path, "--wild-type", "gb1.fasta", "--journal", "campaign.csv", "--json")
    assert (json.loads(done.out)["recorded"], json.loads(done.out)["refused"]) == (1, 89), done.err
    reason = pd.read_csv("campaign.csv.rejects.csv")["reason"][0]
    assert reason == f"the item is {names[1]}, its 'mutant' says {names[0]}: correct one of them, or empty it"
    flags = ("--target", "value", "--wild-type", "gb1.fasta", "--threads", 1)
    none = cli("train", "predictor", "proteins", path, *flags, "-o", "predictor")
    assert none.code != 0
    assert "1 items with 'value', 89 refused" in none.err


def test_names_in_a_numbering_of_their_own_beside_sequences_are_said(cli, measured):
    measured.assign(mutant="W1W").to_csv("lab.csv", index=False)
    done = cli("record", "proteins", "lab.csv", "--wild-type", "gb1.fasta", "--journal", "campaign.csv")
    assert "note: 90 names beside an item name no variant of the wild type: the item counts" in done.err
    assert len(read_journal("campaign.csv").measured) == 90


def test_a_control_without_a_sequence_is_read_by_its_name(cli, measured):
    rows = ["item,mutant,value", f"{measured['item'][0]},,0.5", ",WT,1.0", ",Q2A,0.75", ",,2"]
    Path("plate.csv").write_text("\n".join(rows) + "\n")
    result = cli("record", "proteins", "plate.csv", "--wild-type", "gb1.fasta", "--journal", "journal.csv")
    assert result.code == 0, result.err
    found = {entry.item: entry.value for entry in read_journal("journal.csv").entries}
    assert found == {measured["item"][0]: 0.5, WILD: 1.0, "A" + WILD[1:]: 0.75}
    assert pd.read_csv("journal.csv.rejects.csv")["line"].tolist() == [5]


@pytest.mark.long
def test_a_journal_names_its_variants_and_keeps_what_earlier_files_had_refused(cli, measured):
    campaign = ("--wild-type", "gb1.fasta", "--journal", "journal.csv")
    for name, rows in {"one": ["Q2A,0.5", "Q2L,0.7", "A2Q,1"], "two": ["Q2A:Y3W,n.d.", "WT,1"]}.items():
        Path(f"{name}.csv").write_text("\n".join(["mutant,value", *rows]) + "\n")
        for _ in range(2):  # again adds nothing
            assert cli("record", "proteins", f"{name}.csv", *campaign).code == 0
    journal = pd.read_csv("journal.csv")
    assert list(journal)[:4] == ["round", "item", "mutant", "kind"]
    assert journal["mutant"].tolist() == ["Q2A", "Q2L", "WT"]
    rejects = pd.read_csv("journal.csv.rejects.csv")
    assert list(rejects) == ["source", "line", "item", "reason"]
    assert rejects[["source", "line"]].values.tolist() == [["one.csv", 4], ["two.csv", 2]]
    plate = ("--space", "positions=39-40", "--batch", 3, "-o", "plate.csv")
    result = cli("propose", "proteins", *campaign, *plate, *FAST)
    assert result.code == 0, result.err
    assert pd.read_csv("journal.csv")["mutant"].tolist()[3:] == pd.read_csv("plate.csv")["mutant"].tolist()


@pytest.mark.long
def test_a_sequence_says_its_numbers_and_a_plate_comes_back_by_them(cli, measured):
    """Without them the plate's names count from 1, and none of its rows may pass for another variant."""
    numbered = ("--wild-type", f"{WILD}/2-56")
    flags = ("--measured", "named.csv", *numbered, "--space", "positions=V39-41,54", *BATCH, *FAST)
    assert cli("propose", "proteins", *flags, "-o", "plate.csv").code == 0
    plate = pd.read_csv("plate.csv")
    plate.assign(value=1.0)[["mutant", "value"]].to_csv("lab.csv", index=False)
    wrong = cli("record", "proteins", "lab.csv", "--wild-type", WILD, "--journal", "wrong.csv")
    assert (wrong.code, "numbering seems shifted by 1: it fits a wild type /2-56" in wrong.err) == (3, True)
    assert cli("record", "proteins", "lab.csv", *numbered, "--journal", "campaign.csv").code == 0
    assert [entry.item for entry in read_journal("campaign.csv").measured] == plate["item"].tolist()


def test_a_table_comes_on_standard_input(cli, measured):
    flags = ("--wild-type", "gb1.fasta", "--journal", "campaign.csv", "--json")
    done = cli("record", "proteins", "-", *flags, stdin=Path("named.csv").read_bytes())
    assert json.loads(done.out)["recorded"] == 90, done.err


@pytest.mark.long
def test_other_lengths_are_told_and_teach_nothing_beside_a_wild_type(cli, measured):
    pd.concat([measured, pd.DataFrame({"item": [GB1], "value": [9.0]})]).to_csv("mixed.csv", index=False)
    flags = ("--measured", "mixed.csv", *BATCH, *FAST)
    named = cli("propose", "proteins", *flags, "--wild-type", "gb1.fasta", "-o", "named_plate.csv", "--json")
    assert (named.code, json.loads(named.out)["measured"]) == (0, 90)
    assert "56 letters, the reference has 55" in Path("named_plate.csv.rejects.csv").read_text()
    plain = cli("propose", "proteins", *flags, "-o", "plain.csv", "--json")
    assert (plain.code, json.loads(plain.out)["measured"]) == (0, 91)
    assert any("insertions or deletions" in note for note in json.loads(plain.out)["notes"])
    assert cli("record", "proteins", "mixed.csv", "--journal", "campaign.csv").code == 0
    journal = ("--journal", "campaign.csv", "--wild-type", "gb1.fasta")
    result = cli("propose", "proteins", *journal, *BATCH, *FAST, "-o", "p.csv")
    assert (result.code, "1 measured or proposed items can't be aligned with the wild type" in result.err) == (0, True)


def test_without_a_wild_type_changes_count_from_the_measured(cli, measured):
    flags = ("--measured", "doubles.csv", "--space", "maximum_mutations=1", "--space", "positions=10-20")
    result = cli("propose", "proteins", *flags, *BATCH, *FAST, "-o", "p.csv")
    assert result.code == 0, result.err
    assert "no wild type was given: mutations count from what is most frequent" in result.err
    assert WILD in result.err
    plate = pd.read_csv("p.csv")
    assert "mutant" not in plate
    assert {sum(a != b for a, b in zip(item, WILD, strict=True)) for item in plate["item"]} == {1}


def test_without_a_wild_type_they_count_from_the_first_round_however_far_later_ones_go(cli, measured):
    far = [f"V39A:D40W:G41{a}:V54{b}" for a in "ACDEFHIKLM" for b in "ACDEFGHIKLM"]
    items = [apply_variant(Reference(WILD, 2), name) for name in far]
    assert len(items) > len(measured)
    pd.DataFrame({"item": items, "value": 9.0}).to_csv("second.csv", index=False)
    flags = ("--measured", "doubles.csv", "--measured", "second.csv", "--space", "maximum_mutations=1")
    result = cli("propose", "proteins", *flags, *BATCH, *FAST, "-o", "p.csv")
    assert result.code == 0, result.err
    assert f"most frequent in the first round, numbered from 1: {WILD}" in result.err


def test_a_first_plate_needs_no_more_than_a_wild_type(cli):
    result = cli("propose", "proteins", "--wild-type", WILD, *BATCH, *FAST, "-o", "first.csv")
    assert result.code == 0, result.err
    plate = pd.read_csv("first.csv")
    assert plate["mutant"][0] == "WT"
    assert (plate["round"] == 1).all()
    assert len(set(plate["item"])) == 8


def test_a_pool_may_be_named_too(cli, measured):
    pool = pd.DataFrame({"mutant": ["V39A", "V39L:D40F", "D40Y", "V54A", "Q2A", "K4Z"], "cost": [1, 2, 1, 1, 1, 1]})
    pool.to_csv("pool.csv", index=False)
    space = ("--wild-type", "gb1.fasta", "--space", "positions=39-41,54")
    flags = ("--measured", "named.csv", "--pool", "pool.csv", *space, "--cost-limit", 4, *FAST)
    result = cli("propose", "proteins", *flags, "--acquisition", "noisy-ei", "-o", "p.csv")
    plate = pd.read_csv("p.csv")
    assert result.code == 5
    assert set(plate["mutant"]) <= {"V39A", "V39L:D40F", "D40Y", "V54A"}
    assert 0 < plate["cost"].sum() <= 4
    assert "K4Z" in Path("p.csv.rejects.csv").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--wild-type", "gb1.fasta", "--space", "positions=1"), "from 2 to 56, the numbers of the wild type"),
        (("--wild-type", "gb1.fasta", "--space", "reference=MKV"), "Pass --wild-type alone"),
        (("--wild-type", "nothing.fasta"), "Expected a wild type"),
        (("--wild-type", "gb1.fasta", "--start", "A39V"), "for --start, got 'A39V': 'A39V' says A at 39"),
        (("--wild-type", "gb1.fasta", "--start", GB1), "56 letters, the reference has 55"),
        (("--space", "sites=1"), "Unknown option of the design space of proteins 'sites'"),
        (("--wild-type", "gb1.fasta", "--space", "residues=*"), "Expected --space name=value"),
    ],
)
def test_errors_say_what_to_do(cli, measured, flags, message):
    result = cli("propose", "proteins", "--measured", "doubles.csv", *flags, *FAST)
    assert result.code == 2, result.err
    assert message in " ".join(result.err.split())


def test_molecules_have_no_wild_type(cli):
    Path("m.csv").write_text("item,value\nCCO,1\n")
    for verb in (("propose", "molecules", "--measured", "m.csv"), ("record", "molecules", "m.csv")):
        result = cli(*verb, "--journal", "campaign.csv", "--wild-type", "CCO")
        assert (result.code, "Expected no --wild-type" in result.err) == (2, True)


@pytest.mark.long
def test_python_gives_the_same_plate_with_its_notes(cli, measured):
    settings = dict(threads=1, batch=4, surrogate="gp", scale="linear", acquisition="greedy")
    found = propose("proteins", "named.csv", wild_type="gb1.fasta", space={"positions": "39-41,54"}, **settings)
    assert list(found.table)[:4] == ["id", "item", "mutant", "value"]
    assert "4 of 55 positions are open" in found.notes[0]
    assert found.table["predicted"].is_monotonic_decreasing


def test_a_plate_tells_what_a_predictor_says_of_it_and_what_is_worth_knowing(cli, measured):
    few = ("--settings", "{settings: {families: [ridge], folds: 3}, evaluation_repeats: 1, evaluation_folds: 3}")
    made = cli(
        "train", "predictor", "proteins", "doubles.csv", "--target", "value", *few, "--threads", 1, "-o", "known"
    )
    assert made.code == 0, made.err
    options = FAST[-1].replace("{surrogate", "{predictors: {value: known}, surrogate")
    flags = ("--measured", "doubles.csv", "--wild-type", "gb1.fasta", *BATCH, "--threads", 1, "--settings", options)
    result = cli("propose", "proteins", *flags, "-o", "plate.csv", "--json")
    assert result.code == 0, result.err
    plate = pd.read_csv("plate.csv")
    names = ["predictor_value", "predictor_value_lower", "predictor_value_upper", "predictor_value_in_domain"]
    assert list(plate)[-5:] == [*names, "source"]
    said = predict("proteins", plate["item"].tolist(), "known").table
    assert plate["predictor_value"].tolist() == pytest.approx(said["value"].tolist())
    assert plate["predictor_value_in_domain"].tolist() == said["value_in_domain"].tolist()
    assert plate["value"].isna().all()
    told = " ".join(json.loads(result.out)["notes"])
    assert "the wild type itself isn't among the measured items" in told
    outside = int((~plate["predictor_value_in_domain"]).sum())
    assert (f"{outside} of the plate's 8 items are unlike" in told) == bool(outside)
    assert "note: the wild type itself" in result.err


@pytest.fixture
def library():
    """Thirty variants of GB1's four positions V39, D40, G41 and V54, numbered from 1 without the methionine: by their
    letters in letters.csv, by name in named.csv."""
    letters = ["VDGV", *(f"{one}D{two}V" for one in "ACFLWY" for two in "AGSTP")][:30]
    written = ["".join({**dict(enumerate(WILD)), **dict(zip((37, 38, 39, 52), text, strict=True))}.values())
               for text in letters]  # fmt: skip
    value = [float(len(set(text))) + number / 100 for number, text in enumerate(letters)]
    names = [variant_name(Reference(WILD), item) for item in written]
    pd.DataFrame({"Variants": letters, "value": value}).to_csv("letters.csv", index=False)
    pd.DataFrame({"mutant": names, "value": value}).to_csv("named.csv", index=False)
    return written


@pytest.mark.long
def test_variants_written_as_letters_of_open_positions_are_read_by_each_verb(cli, library):
    sites = ("--wild-type", f"{WILD}@38-40,53")
    for table, wild in (("letters", sites), ("named", ("--wild-type", WILD, "--space", "positions=38-40,53"))):
        done = cli("propose", "proteins", "--measured", f"{table}.csv", *wild, *BATCH, *FAST, "-o", f"from_{table}.csv")
        assert done.code == 0, done.err
        assert "4 of 55 positions are open: V38, D39, G40, V53" in done.err
    assert Path("from_letters.csv").read_bytes() == Path("from_named.csv").read_bytes()
    told = ("--measured", "letters.csv", "--wild-type", WILD, *BATCH, *FAST)
    done = cli("propose", "proteins", *told, "--space", "positions=38-40,53", "-o", "by_space.csv")
    assert done.code == 0, done.err
    assert Path("by_space.csv").read_bytes() == Path("from_named.csv").read_bytes()
    pd.DataFrame({"Variants": [f"{one}DGV" for one in "NQRSTEHIKM"]}).to_csv("pool.csv", index=False)
    pool = ("--measured", "letters.csv", *sites, "--pool", "pool.csv", *BATCH, *FAST)
    done = cli("propose", "proteins", *pool, "-o", "of_pool.csv")
    assert done.code == 0, done.err
    assert pd.read_csv("of_pool.csv")["mutant"].str.fullmatch("V38[NQRSTEHIKM]").all()
    assert cli("record", "proteins", "letters.csv", *sites, "--journal", "campaign.csv").code == 0
    assert [one.item for one in read_journal("campaign.csv").measured] == library
    small = ("--target", "value", "--set", "families=[ridge]", "--set", "folds=3", "--threads", 1)
    done = cli("train", "predictor", "proteins", "letters.csv", *sites, *small, "-o", "p")
    assert done.code == 0, done.err
    for verb in ("predict", "score"):
        done = cli(verb, "proteins", "letters.csv", *sites, "--predictor", "value=p", "-o", f"{verb}.csv")
        assert done.code == 0, done.err
        assert pd.read_csv(f"{verb}.csv")["item"].tolist() == library
    done = cli("backtest", "proteins", "letters.csv", *sites, "--batch", 5, "--rounds", 2, "--repeats", 1, "--threads",
               1, "-o", "replayed.csv")  # fmt: skip
    assert done.code == 0, done.err


def test_letters_without_open_positions_are_refused_with_the_remedy(cli, library):
    done = cli(
        "propose", "proteins", "--measured", "letters.csv", "--wild-type", WILD, *BATCH, *FAST, "-o", "plate.csv"
    )
    assert done.code == DataError.exit_code
    assert "30 rows that are refused, the first, 'VDGV': 4 letters, the reference has 55" in done.err
    assert "gb1.fasta@39,40,41,54" in done.err
    assert not Path("plate.csv").exists()
