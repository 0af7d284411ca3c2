"""A family's model on the command line: from an alignment to scores of variants, new members and a search."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.api.models.folder import load_model
from sciencegen.domains.proteins.alignments import read_focus
from sciencegen.domains.proteins.items import ALPHABET, decode_rows
from sciencegen.domains.proteins.models import FamilyScorer
from tests.cli.conftest import read, run
from tests.domains.proteins.examples import family

pytestmark = pytest.mark.long


COLUMNS = 30
TINY = "{settings: {members: 2, hidden: 24, latent: 3}, training: {steps: 150, batch_size: 64, checkpoint_every: 100}}"


def fasta(path: Path) -> list[str]:
    records = path.read_text().split(">")[1:]
    return ["".join(record.splitlines()[1:]) for record in records]


@pytest.fixture(scope="module")
def alignment(tmp_path_factory) -> Path:
    """Numbered from 11; the focus has two lower-case letters before its columns, which no other row has."""
    rows = family(np.random.default_rng(0), 300, COLUMNS)
    texts = decode_rows(rows)
    records = [f">FOCUS/9-{10 + COLUMNS}\nmk{texts[0]}\n"]
    records += [f">row{number}\n..{text}\n" for number, text in enumerate(texts[1:])]
    path = tmp_path_factory.mktemp("family") / "family.a2m"
    path.write_text("".join(records))
    return path


@pytest.fixture(scope="module")
def focus(alignment) -> str:
    return alignment.read_text().splitlines()[1].upper()


@pytest.fixture(scope="module")
def model(alignment) -> Path:
    folder = alignment.parent / "model"
    done = run("train", "proteins", "--data", alignment, "--settings", TINY, "--threads", 1, "-o", folder)
    assert done.code == 0, done.err
    return folder


def test_it_tells_residues_better_than_by_chance(model):
    metrics = json.loads((model / "metrics.json").read_text())
    assert 0 < metrics["mixture_nats_per_residue_training"] < np.log(20) - 0.5


def test_posterior_and_bound_are_settings(cli, alignment, tmp_path):
    """Inverse autoregressive flow and five importance samples; the model scores variants like any other."""
    chosen = TINY.replace("latent: 3", "latent: 3, posterior: iaf, importance_samples: 5").replace("150", "60")
    folder = ("--threads", 1, "-o", tmp_path / "model")
    done = cli("train", "proteins", "--data", alignment, "--settings", chosen, *folder)
    assert done.code == 0, done.err
    loaded = load_model("proteins", tmp_path / "model", "cpu")
    assert (loaded.model.settings.posterior, loaded.model.settings.importance_samples) == ("iaf", 5)
    scores = tmp_path / "scores.csv"
    scored = cli("score", "proteins", "--model", tmp_path / "model", "--variants", "all-singles", "-o", scores)
    assert scored.code == 0, scored.err
    assert np.isfinite([float(row["score"]) for row in read(scores)]).all()


def test_every_single_substitution_is_scored_and_numbered_as_the_header_says(cli, model, focus, tmp_path):
    done = cli("score", "proteins", "--model", model, "--variants", "all-singles", "-o", tmp_path / "scores.csv")
    assert done.code == 0, done.err
    rows = read(tmp_path / "scores.csv")
    assert len(rows) == 19 * COLUMNS
    assert {row["mutant"][0] for row in rows if row["mutant"][1:-1] == "11"} == {focus[2]}
    assert {int(row["mutant"][1:-1]) for row in rows} == set(range(11, 11 + COLUMNS))
    assert all(float(row["score_sd"]) > 0 for row in rows)


def test_a_variant_has_one_score_by_name_or_by_sequence_and_whatever_stands_beside_it(cli, model, focus, tmp_path):
    other = next(letter for letter in ALPHABET if letter != focus[2])
    changed = focus[:2] + other + focus[3:]
    name = f"{focus[2]}11{other}"
    table = tmp_path / "variants.csv"
    wrong = ["A99G", f"{focus[2]}11*", f"{focus[0]}9{'A' if focus[0] != 'A' else 'G'}", "ACD", f"{other}11{focus[2]}"]
    table.write_text("\n".join(["mutant", "WT", name, changed, f"{name}:{focus[3]}12-", *wrong]) + "\n")
    done = cli("score", "proteins", "--model", model, "--variants", table, "-o", tmp_path / "scores.csv")
    assert done.code == 0, done.err
    rows = read(tmp_path / "scores.csv")
    assert [row["mutant"] for row in rows] == ["WT", name, name, f"{name}:{focus[3]}12-"]
    assert float(rows[0]["score"]) == 0.0
    assert [int(row.pop("line")) for row in rows] == [2, 3, 4, 5]
    assert rows[1] == rows[2]
    rejects = read(tmp_path / "scores.csv.rejects.csv")
    assert [int(row["line"]) for row in rejects] == [6, 7, 8, 9, 10]
    for row, reason in zip(
        rejects, ["outside", "is a stop", "no column", "3 letters", f"says {other} at 11"], strict=True
    ):
        assert reason in row["reason"], row
    alone = tmp_path / "alone.csv"
    alone.write_text(f"mutant\n{name}\n")
    done = cli("score", "proteins", "--model", model, "--variants", alone, "-o", tmp_path / "alone_scores.csv")
    assert read(tmp_path / "alone_scores.csv") == [{"line": "2", **rows[1]}]
    piped = cli("score", "proteins", "--model", model, "--variants", "-", stdin=f"mutant\n{name}\n".encode())
    assert piped.code == 0, piped.err
    assert piped.out == (tmp_path / "alone_scores.csv").read_text()
    asked = ("score", "proteins", "--model", model, "--variants", "-", "--format")
    assert [row.split(",")[:3] for row in cli(*asked, "txt", stdin=f"{name}\n".encode()).out.splitlines()[1:]] == [
        ["1", *piped.out.splitlines()[1].split(",")[1:3]]
    ]
    assert "Expected --format .fasta" in cli(*asked, ".xyz", stdin=b"mutant\n").err


def test_the_users_own_columns_come_along_and_ours_win(cli, model, focus, tmp_path):
    other = next(letter for letter in ALPHABET if letter != focus[2])
    table = tmp_path / "table.csv"
    rows = ["well,Mutant,score,note", f"A1,{focus[2]}11{other},7,first", "A2,no,8,", "A3,WT,9,a control"]
    table.write_text("\n".join(rows) + "\n")
    asked = ("score", "proteins", "--model", model, "--variants", table)
    done = cli(*asked, "-o", tmp_path / "scores.csv")
    assert done.code == 0, done.err
    found = read(tmp_path / "scores.csv")
    assert list(found[0]) == ["line", "mutant", "score", "score_sd", "column_score", "well", "Mutant", "note"]
    assert [(row["line"], row["well"], row["note"]) for row in found] == [
        ("2", "A1", "first"),
        ("4", "A3", "a control"),
    ]
    assert float(found[1]["score"]) == 0
    own = {"mass": pa.array([150.1234567, None]), "dose": pa.array([0.1, 2], pa.float32()), "n": [10**16 + 1, 7]}
    pq.write_table(pa.table({"mutant": ["WT", rows[1].split(",")[1]], **own}), tmp_path / "table.parquet")
    asked = ("score", "proteins", "--model", model, "--variants", tmp_path / "table.parquet")
    assert cli(*asked, "-o", tmp_path / "own.csv").code == 0
    found = read(tmp_path / "own.csv")
    assert [(row["mass"], row["dose"], row["n"]) for row in found] == [
        ("150.1234567", "0.1", "10000000000000001"),
        ("", "2.0", "7"),
    ]
    assert found[1]["score"] == f"{float(found[1]['score']):.7g}", "ours has seven digits"
    assert "since scores have these names: score" in done.err
    assert cli(*asked, "-o", tmp_path / "scores.parquet").code == 0


def test_a_shifted_numbering_is_said_once_with_its_remedy(cli, model, focus, tmp_path):
    table = tmp_path / "table.csv"
    names = [f"{focus[at]}{at + 11}{'A' if focus[at] != 'A' else 'G'}" for at in range(2, 12)]
    table.write_text("\n".join(["mutant", "WT", *names]) + "\n")
    done = cli("score", "proteins", "--model", model, "--variants", table, "-o", tmp_path / "scores.csv", "--json")
    assert done.code == 0, done.err
    assert done.err.count("seems shifted by 2") == 1
    assert f"it fits a wild type /11-{12 + COLUMNS}. Number the wild type so" in done.err
    assert any("seems shifted by 2" in note for note in json.loads(done.out)["notes"])


def test_a_deletion_costs_most_where_the_family_has_no_gaps(cli, model, alignment, focus, tmp_path):
    others = [line[2:] for line in alignment.read_text().splitlines() if line.startswith("..")]
    gaps = np.mean([[letter == "-" for letter in row] for row in others], 0)
    names = [f"{focus[2 + column]}{11 + column}-" for column in range(COLUMNS)]
    table = tmp_path / "deletions.csv"
    table.write_text("\n".join(["mutant", *names]) + "\n")
    done = cli("score", "proteins", "--model", model, "--variants", table, "-o", tmp_path / "scores.csv")
    assert done.code == 0, done.err
    scores = np.array([float(row["score"]) for row in read(tmp_path / "scores.csv")])
    print("gaps", gaps.round(2), "scores", scores.round(1))
    assert scores.mean() < -1
    assert scores[gaps == gaps.min()].mean() < scores[gaps == gaps.max()].mean()


def test_what_the_family_never_has_scores_below_what_it_has(cli, model, alignment, tmp_path):
    """Substitutions that many relatives have, and substitutions that none has."""
    texts = [line for line in alignment.read_text().splitlines() if not line.startswith(">")]
    focus, others = texts[0].upper(), [text[2:] for text in texts[1:]]
    cli("score", "proteins", "--model", model, "--variants", "all-singles", "-o", tmp_path / "scores.csv")
    scores = {row["mutant"]: float(row["score"]) for row in read(tmp_path / "scores.csv")}
    seen, unseen = [], []
    for column in range(COLUMNS):
        letters = [row[column] for row in others]
        for letter in ALPHABET:
            if letter != focus[2 + column]:
                share = letters.count(letter) / len(letters)
                name = f"{focus[2 + column]}{11 + column}{letter}"
                (seen if share > 0.3 else unseen if share == 0 else []).append(scores[name])
    print(len(seen), "seen, mean", np.mean(seen), len(unseen), "unseen, mean", np.mean(unseen))
    assert np.mean(seen) > np.mean(unseen) + 1


def test_members_have_as_many_mutations_as_are_asked_for(cli, model, focus, tmp_path):
    output = tmp_path / "library.fasta"
    done = cli("generate", "proteins", "--model", model, "-n", 40, "--where", "mutations in 2..6", "-o", output)
    assert done.code == 0, done.err
    members = fasta(output)
    assert re.search(r"^>1/9-40 .*mutations=\d$", output.read_text(), re.MULTILINE)  # a whole number is written as one
    counts = [sum(a != b for a, b in zip(member, focus, strict=True)) for member in members]
    assert len(set(members)) == 40
    assert {2, 3, 4, 5, 6} >= set(counts)
    assert {3, 4, 5, 6} <= set(counts)
    drawn = int(re.search(r"drawn (\d+)", done.err).group(1))
    assert drawn < 60  # they come as asked for, instead of being filtered out of many
    assert all(member[:2] == focus[:2] for member in members)  # what has no column stays
    scored = cli("score", "proteins", "--model", model, "--variants", output, "-o", tmp_path / "scored.csv")
    assert scored.code == 0, scored.err
    assert [len(row["mutant"].split(":")) for row in read(tmp_path / "scored.csv")] == counts
    free = tmp_path / "free.csv"
    assert cli("generate", "proteins", "--model", model, "-n", 20, "-o", free).code == 0
    assert np.mean([sum(a != b for a, b in zip(row["item"], focus, strict=True)) for row in read(free)]) > 8


@pytest.mark.parametrize(("asked", "allowed"), [("mutations = 4", {4}), ("mutations <= 3", {1, 2, 3})])
def test_a_number_of_mutations_is_met_exactly(cli, model, focus, tmp_path, asked, allowed):
    output = tmp_path / "library.fasta"
    done = cli("generate", "proteins", "--model", model, "-n", 20, "--where", asked, "-o", output)
    assert done.code == 0, done.err
    assert {sum(a != b for a, b in zip(member, focus, strict=True)) for member in fasta(output)} == allowed


def test_the_recipe_names_what_its_models_know(model):
    loaded = load_model("proteins", model)
    assert {*loaded.oracles, *loaded.representation.measures.names} == set(loaded.recipe.oracles.names)


@pytest.mark.parametrize("verb", ["optimize", "generate"])
def test_a_forbidden_motif_of_the_wild_type_may_stay(cli, model, focus, tmp_path, verb):
    wish = ("--goal", "maximize family_score", "--budget", 60) if verb == "optimize" else ("--where", "mutations <= 3")
    output = tmp_path / "found.csv"
    done = cli(verb, "proteins", "--model", model, *wish, "--forbid", focus[4:6], "-n", 4, "-o", output)
    assert done.code == 0, done.err
    assert f"the wild type holds the forbidden '{focus[4:6]}'" in done.err
    assert len(read(output)) == 4


def test_a_search_may_ask_the_family_itself(cli, model, tmp_path):
    goals = ["--goal", "maximize family_score", "--goal", "mutations <= 4"]
    output = tmp_path / "found.csv"
    done = cli("optimize", "proteins", "--model", model, *goals, "--budget", 150, "-n", 5, "-o", output)
    assert done.code == 0, done.err
    found = read(output)
    assert len(found) == 5
    assert all(float(row["mutations"]) <= 4 for row in found)
    assert float(found[0]["family_score"]) > 0
    assert "no training data" not in done.err
    assert all(0.3 < float(row["similarity_to_training"]) < 1 and row["novel"] == "true" for row in found)


def test_an_alignment_is_trained_on_once(alignment, tmp_path, monkeypatch):
    """What `--alignment` does: train into runs/ of the working folder, and find it there again."""
    from sciencegen.api.score_variants import family_model

    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    tiny = {"settings": {"members": 2, "hidden": 8, "latent": 2}, "training": {"steps": 5, "batch_size": 8}}
    folders = [family_model("proteins", alignment, log=said.append, made_by=tiny) for _ in range(2)]
    assert folders[0] == folders[1]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [folders[0].name]
    assert "finished already" in said[-1]


def test_a_family_may_be_trained_for_fewer_steps(cli, alignment, tmp_path):
    asked = ("score", "proteins", "--alignment", alignment, "--variants", "all-singles", "--threads", 1)
    short = ("--training", "steps=3", "--training", "batch_size=10", "--set", "members=1", "--set", "hidden=16")
    done = cli(*asked, *short, "-o", tmp_path / "scores.csv")
    assert done.code == 0, done.err
    assert "training: 3 steps of 10 items" in done.err
    assert "step 1/3" in done.err, "the first step is told"
    assert "step 3/3" in done.err
    again = cli(*asked, *short, "-o", tmp_path / "again.csv")
    assert "finished already" in again.err
    (folder,) = Path("runs").iterdir()
    wrong = cli("score", "proteins", "--model", folder, "--variants", "all-singles", "--training", "steps=3")
    assert wrong.code == 2
    assert "--set and --training with --alignment only" in wrong.err


def test_a_quick_trial_takes_the_flags_of_train(cli, alignment, tmp_path):
    """It trains the same network as `train` with these flags, and shows the remaining time."""
    quick = ("--set", "members=1", "--set", "hidden=8", "--training", "steps=4", "--training", "log_every=1")
    quick += ("--training", "batch_size=8", "--threads", 1)
    done = cli("score", "proteins", "--alignment", alignment, "--variants", "all-singles", *quick, "-o", "s.csv")
    assert done.code == 0, done.err
    steps = [line for line in done.err.splitlines() if line.startswith("step ")]
    assert [line.endswith(" left") for line in steps] == [False, True, True, False]
    (folder,) = Path("runs").iterdir()
    assert load_model("proteins", folder, "cpu").model.settings.members == 1
    again = cli("train", "proteins", "--recipe", "alignment-vae", "--data", alignment, *quick)
    assert f"{folder} is finished already" in again.err
    assert "note: score_sd is empty: it is the spread between models, and this is one. Train several" in done.err
    alone = cli("score", "proteins", alignment, "--set", "members=1")
    assert "--set and --training with --variants only" in alone.err


def test_scores_of_a_family_that_was_not_learned_are_doubted(cli, model, tmp_path, monkeypatch):
    asked = ("score", "proteins", "--model", model, "--variants", "-", "--json", "-o")
    table = b"mutant\nWT\n"
    learned = cli(*asked, "a.csv", stdin=table)
    assert "mean little" not in learned.err
    score = FamilyScorer.score
    turned = lambda self, texts: [replace(one, score=-one.score) for one in score(self, texts)]  # noqa: E731
    monkeypatch.setattr(FamilyScorer, "score", turned)
    doubted = cli(*asked, "b.csv", stdin=table)
    assert re.search(r"note: \d\d% of single substitutions score above the wild type, .* mean little", doubted.err)
    assert "mean little" in json.loads(doubted.out)["notes"][0]


def test_what_an_alignment_s_rules_leave_out_is_told_with_its_name(cli, alignment, tmp_path):
    path = tmp_path / "short.a2m"
    text = alignment.read_text() + f">fragment7\n..{'-' * (COLUMNS - 3)}AAA\n"
    path.write_text(text + f">twin\n{text.splitlines()[3]}\n")
    done = cli("train", "proteins", "--data", path, "--settings", TINY, "--training", "steps=2", "-o", tmp_path / "m")
    assert done.code == 0, done.err
    assert "sequences kept repeat an earlier one" in done.err
    rejects = tmp_path / "m" / "data" / "rejects.csv"
    assert str(rejects) in done.err
    (row,) = (one for one in read(rejects) if one["item"] == "fragment7")
    assert row["reason"] == "more than half gaps"


def test_a_search_takes_an_alignment_and_finds_its_model_again(cli, alignment, monkeypatch):
    from sciencegen.api import score_variants as variants

    tiny = {"settings": {"members": 2, "hidden": 8, "latent": 2}, "training": {"steps": 5, "batch_size": 8}}
    known = variants.family_model
    monkeypatch.setattr(variants, "family_model", lambda *given: known(*given, tiny))
    wish = ("--goal", "maximize family_score", "--budget", 20, "-n", 2)
    said = []
    for output in ("a.csv", "b.csv"):
        done = cli("optimize", "proteins", "--alignment", alignment, *wish, "-o", output)
        assert done.code == 0, done.err
        said.append(done.err)
    assert "finished already" not in said[0]
    assert "finished already" in said[1]
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert len(list(Path("runs").iterdir())) == 1


@pytest.mark.parametrize("more", [("--goal", "maximise"), ("--method", "no"), ("-o", "x.pdb"), ("--model", "m")])
def test_nothing_is_trained_for_a_wish_that_is_wrong(cli, alignment, more):
    goal = () if "--goal" in more else ("--goal", "maximize family_score")
    done = cli("optimize", "proteins", "--alignment", alignment, *goal, *more)
    assert done.code == 2
    assert "preparing" not in done.err
    assert not Path("runs").exists()


def test_a_search_starts_at_variants_by_name_and_refuses_what_is_none(cli, model, focus):
    wish = ("--goal", "maximize family_score", "--goal", "mutations <= 2", "--budget", 40, "-n", 1)
    other = next(letter for letter in ALPHABET if letter != focus[2])
    started = cli("optimize", "proteins", "--model", model, *wish, "--start", f"{focus[2]}11{other}", "-o", "a.csv")
    assert started.code == 0, started.err
    assert "scored 40" in started.err
    for start, reason in (
        ("ACDEF", "5 letters, the family's reference has 32"),
        (f"{other}11A", f"says {other} at 11"),
    ):
        refused = cli("optimize", "proteins", "--model", model, *wish, "--start", start)
        assert refused.code == 2
        assert f"an item of proteins for --start, got '{start}'" in refused.err
        assert reason in refused.err


def test_a_table_is_no_alignment(cli):
    Path("table.csv").write_text("mutant,score\nA5G,1\n")
    for verb in (
        ("score", "--variants", "all-singles"),
        ("generate",),
        ("optimize", "--goal", "maximize family_score"),
    ):
        done = cli(verb[0], "proteins", *verb[1:], "--alignment", "table.csv")
        assert done.code == 2
        assert "got the table table.csv. A table of variants goes to `score --variants`" in done.err
        assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variants", "all-singles"], "an alignment or a model trained on one"),
        (["--variants", "all-singles", "--model", "m", "--wild-type", "MKV"], "and one of them only"),
        (["--variants", "all-singles", "--wild-type", "MKV"], "Expected --predictor"),
        (["some.csv", "--variants", "all-singles"], "a file of items or --variants, and not both"),
        ([], "a file of items or --variants, and not both"),
        (["some.fasta", "--alignment", "a.a2m"], "with --variants only"),
        (["--variants", "all-singles", "--alignment", "nothere.a2m"], "at nothere.a2m, found no file"),
        (["--variants", "all-singles", "--model", "m", "--with", "charge"], "Expected no --with"),
        (["--variants", "all-singles", "--model", "m", "--cache", "c.csv"], "Expected no --cache"),
        (["--variants", "all-singles", "--model", "m", "--timeout", "3"], "Expected no --timeout"),
        (["--variants", "all-singles", "--model", "m", "--format", ".csv"], "Expected no --format"),
        (["some.fasta", "--training", "steps=3"], "--alignment, --recipe, --set and --training with --variants only"),
        (["--variants", "all-singles", "--model", "m", "-o", "x.fasta"], "to end in .csv or .parquet"),
        (["--variants", "A42G", "--model", "m"], "found no file 'A42G'"),
    ],
)
def test_half_a_wish_is_an_error(cli, arguments, message):
    done = cli("score", "proteins", *arguments)
    assert done.code in (2, 3)
    assert message in done.err


def test_a_search_without_a_model_is_told_what_needs_none(cli):
    done = cli("optimize", "proteins", "--goal", "maximize charge")
    assert done.code == 2
    assert "`sciencegen propose proteins` needs no model" in done.err


def test_domains_without_families_say_so(cli, alignment):
    done = cli("score", "molecules", "--alignment", alignment, "--variants", "all-singles")
    assert done.code == 2
    assert "a domain with models of families" in done.err


def test_new_members_come_with_the_familys_own_score(cli, model, tmp_path):
    asked = ("--where", "mutations in 1..3", "--where", "family_score >= -20", "--include", "family_score,charge")
    done = cli("generate", "proteins", "--model", model, "-n", 10, *asked, "-o", tmp_path / "library.csv")
    assert done.code == 0, done.err
    rows = read(tmp_path / "library.csv")
    assert list(rows[0]) == ["item", "mutant", "mutations", "family_score", "charge"]
    assert all(float(row["family_score"]) >= -20 for row in rows)
    cli("score", "proteins", "--model", model, "--variants", tmp_path / "library.csv", "-o", tmp_path / "scores.csv")
    scores = {row["line"]: row["score"] for row in read(tmp_path / "scores.csv")}
    assert [scores[str(line)] for line in range(2, 12)] == [row["family_score"] for row in rows]
    asked = ("--model", model, "--with", "charge,family_score")
    again = cli("score", "proteins", tmp_path / "library.csv", *asked, "-o", tmp_path / "again.csv")
    assert again.code == 0, again.err
    assert [row["family_score"] for row in read(tmp_path / "again.csv")] == [row["family_score"] for row in rows]


def test_members_are_compared_with_the_familys_sequences_without_gaps(cli, model, alignment, tmp_path):
    cli("generate", "proteins", "--model", model, "-n", 10, "-o", tmp_path / "library.fasta")
    against = ("--against", alignment, "--training", model / "data")
    done = cli("evaluate", "proteins", tmp_path / "library.fasta", *against, "-o", tmp_path / "metrics.json")
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    rows = [line[2:] for line in alignment.read_text().splitlines() if line.startswith("..")]
    assert any("-" in row for row in rows)
    assert metrics["count_reference"] > 0.9 * len(set(rows))
    assert 0 < metrics["nearest_training"] <= 1


def test_names_in_files_of_draws_carry_the_numbers_of_the_alignment(cli, model, focus, tmp_path):
    """Read back as an alignment or a wild type, they have the family's numbers."""
    done = cli("generate", "proteins", "--model", model, "-n", 3, "-o", tmp_path / "drawn.fasta")
    assert done.code == 0, done.err
    asked = ("--goal", "maximize family_score", "--goal", "mutations <= 3", "--budget", 30, "-n", 1)
    found = cli("optimize", "proteins", "--model", model, *asked, "-o", "b.csv", "--structures", tmp_path / "b.fasta")
    assert found.code == 0, found.err
    for name, path in (("1", tmp_path / "drawn.fasta"), ("candidate-1", tmp_path / "b.fasta")):
        assert path.read_text().startswith(f">{name}/9-{8 + len(focus)} ")
        assert read_focus(path)[0].first == 9
    assert "candidate-1," in Path("b.csv").read_text(), "tables have the name alone"


def test_the_likelihood_of_a_row_is_a_column_where_it_is_named(cli, family_model):
    lines = (family_model.parent / "family.a2m").read_text().splitlines()
    rows = Path("some.a2m")
    rows.write_text("\n".join(lines[:160]) + "\n")
    assert cli("score", "proteins", rows, "--model", family_model, "-o", "usual.csv").code == 0
    assert list(read(Path("usual.csv"))[0])[-2:] == ["family_score", "mutations"]
    named = ("--with", "log_likelihood,mutations")
    assert cli("score", "proteins", rows, "--model", family_model, *named, "-o", "named.csv").code == 0
    scored = [row for row in read(Path("named.csv")) if row["log_likelihood"]]  # a row with a gap is no whole sequence
    Path("backwards.csv").write_text("".join(["item\n", *(f"{row['item'][::-1]}\n" for row in scored)]))
    assert cli("score", "proteins", "backwards.csv", "--model", family_model, *named, "-o", "b.csv").code == 0
    tables = (scored, read(Path("b.csv")))
    known, strange = ([float(row["log_likelihood"]) for row in rows if row["log_likelihood"]] for rows in tables)
    assert max(known) < 0
    assert sum(known) / len(known) > sum(strange) / len(strange) + 10


def test_a_potts_model_and_counts_of_letters_score_variants_too(cli, alignment, focus, tmp_path):
    asked = ("score", "proteins", "--alignment", alignment, "--recipe", "alignment-potts", "--threads", 1)
    done = cli(*asked, "--variants", "all-singles", "-o", "scores.csv")
    assert done.code == 0, done.err
    scores = pd.read_csv("scores.csv", index_col="mutant")
    assert scores["score_sd"].isna().all()
    assert scores["score"].corr(scores["column_score"], method="spearman") > 0.3
    rows = [text[2:] for text in fasta(alignment)]
    counts = [Counter(row[column] for row in rows) for column in range(COLUMNS)]
    column = int(np.argmax([len(set(ALPHABET) - set(one)) * (len(one) > 2) for one in counts]))
    site = f"{focus[2 + column]}{11 + column}"
    seen = next(letter for letter, _ in counts[column].most_common() if letter not in ("-", site[0]))
    never = next(letter for letter in ALPHABET if letter not in counts[column])
    assert scores["column_score"][site + seen] > scores["column_score"][site + never]
    (folder,) = Path("runs").iterdir()
    drawn = cli("generate", "proteins", "--model", folder, "-n", 2, "-o", "drawn.fasta")
    assert drawn.code == 2
    assert "alignment-vae" in drawn.err
    assert not Path("drawn.fasta").exists()
