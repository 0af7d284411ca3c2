"""train predictor and predict on variants of one protein: by name or sequence, with splits that match new variants."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.score import predict
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import Reference, apply_variant

WILD = "MKVLAAGIRDNEQHSTWYFPCMKVLAAGIR"
ENDS = ("_lower", "_upper", "_in_domain")
QUICK = ("--set", "families=[ridge,curve]", "--set", "folds=3", "--threads", 1)


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    """240 variants of up to three mutations at five positions, whose effects add up."""
    generator = np.random.default_rng(0)
    effects = generator.normal(0, 1, (len(WILD), 20))
    names, values = [], []
    for _ in range(240):
        count = generator.choice(4, p=[0.05, 0.2, 0.35, 0.4])
        places = np.sort(generator.choice(range(3, 8), count, replace=False)).tolist()
        letters = [generator.choice([one for one in "DEKWY" if one != WILD[place]]) for place in places]
        names.append(":".join(f"{WILD[p]}{p + 11}{a}" for p, a in zip(places, letters, strict=True)) or "WT")
        total = sum(effects[p, ALPHABET.index(a)] for p, a in zip(places, letters, strict=True))
        values.append(np.exp(0.5 * total + 0.02 * generator.standard_normal()))
    sequences = [apply_variant(Reference(WILD, 11), name) for name in names]
    return pd.DataFrame({"mutant": names, "sequence": sequences, "value": values})


@pytest.fixture
def wild_type(tmp_path: Path) -> Path:
    path = tmp_path / "wild.fasta"
    path.write_text(f">protein/11-40\n{WILD}\n")
    return path


def metrics(folder: str) -> dict:
    return json.loads(Path(folder, "metrics.json").read_text())


def test_names_and_sequences_make_one_predictor(cli, measured, wild_type):
    measured[["mutant", "value"]].to_csv("names.csv", index=False)
    measured[["sequence", "value"]].to_csv("sequences.csv", index=False)
    for table in ("names", "sequences"):
        flags = ("--target", "value", "--wild-type", wild_type, *QUICK, "-o", table)
        result = cli("train", "predictor", "proteins", f"{table}.csv", *flags)
        assert result.code == 0, result.err
    for said in ("fitting curve to 240 items in 3 folds", "random: part 1 of 2", "random: Spearman 0."):
        assert said in result.err
    for file in ("predictor.json", "predictor.safetensors", "metrics.json"):
        assert Path("names", file).read_bytes() == Path("sequences", file).read_bytes()
    assert metrics("names")["random"]["spearman"] > 0.9


def test_what_is_saved_predicts_the_same_bytes_by_name_and_by_sequence(cli, measured, wild_type):
    measured.to_csv("table.csv", index=False)
    trained = cli("train", "predictor", "proteins", "table.csv", "--target", "value", *QUICK, "-o", "p")
    assert trained.code == 0, trained.err
    flags = ("--predictor", "fitness=p", "--threads", 1)
    assert cli("predict", "proteins", "table.csv", "--wild-type", wild_type, *flags, "-o", "names.csv").code == 0
    assert cli("predict", "proteins", "table.csv", *flags, "-o", "sequences.csv").code == 0
    by_name, by_sequence = (pd.read_csv(f"{name}.csv") for name in ("names", "sequences"))
    assert list(by_name) == ["item", "line", "mutant", *(f"fitness{end}" for end in ("", *ENDS)), "sequence", "value"]
    pd.testing.assert_frame_equal(by_name[list(by_sequence)], by_sequence, check_exact=True)
    again = predict("proteins", measured["sequence"].tolist(), "p").table
    assert np.allclose(again["value"], pd.read_csv("names.csv")["fitness"], rtol=1e-5)
    assert load_predictor("proteins", "p").predictor.made_by["kind"] == "variants"


def test_a_table_of_variants_is_read_from_a_pipe(cli, measured, wild_type):
    measured.to_csv("table.csv", index=False)
    cli("train", "predictor", "proteins", "table.csv", "--target", "value", *QUICK, "-o", "p")
    measured[["mutant"]].to_csv("names.csv", index=False)
    flags = ("--wild-type", wild_type, "--predictor", "fitness=p", "--threads", 1)
    piped = cli("predict", "proteins", "-", *flags, stdin=Path("names.csv").read_bytes())
    assert piped.code == 0, piped.err
    assert piped.out == cli("predict", "proteins", "names.csv", *flags).out
    own = measured.rename(columns={"sequence": "clone"})[["clone"]].to_csv(index=False).encode()
    assert cli("predict", "proteins", "-", *flags, "--item-column", "clone", stdin=own).code == 0
    strange = cli("predict", "proteins", "-", *flags, stdin=b"well,clone\n")
    assert strange.err.startswith("error: Expected FASTA in standard input, ")
    assert "(of a pipe: --format .csv)" in strange.err


def test_another_length_is_a_failure_with_its_reason_and_no_number(cli, measured):
    measured[["sequence", "value"]].to_csv("table.csv", index=False)
    cli("train", "predictor", "proteins", "table.csv", "--target", "value", *QUICK, "-o", "p")
    Path("odd.txt").write_text(f"{WILD}\n{WILD}A\n{WILD[:-1]}\nMKZ\n")
    result = cli("predict", "proteins", "odd.txt", "--predictor", "fitness=p", "--threads", 1, "-o", "out.csv")
    assert result.code == 0
    table, refused = pd.read_csv("out.csv"), pd.read_csv("out.csv.rejects.csv")
    assert table["fitness"].notna().tolist() == [True, False, False]
    assert refused["line"].tolist() == [2, 3, 4]
    assert refused["reason"][0] == "fitness: 31 residues, where this predictor sees variants of 30"
    assert "'Z'" in refused["reason"][2]


def test_a_mutation_where_none_was_measured_is_out_of_domain(cli, measured):
    measured[["sequence", "value"]].to_csv("table.csv", index=False)
    cli("train", "predictor", "proteins", "table.csv", "--target", "value", *QUICK, "-o", "p")
    found = predict("proteins", [measured["sequence"][0], apply_variant(Reference(WILD), "C21W")], "p").table
    assert found["value_in_domain"].tolist() == [True, False]
    width = found["value_upper"] - found["value_lower"]
    assert width[1] > width[0]


@pytest.mark.parametrize("split", ["low-high", "mutations", "positions"])
@pytest.mark.long
def test_a_split_is_calibrated_and_evaluated(cli, measured, split):
    measured[["sequence", "value"]].to_csv("table.csv", index=False)
    flags = ("--target", "value", "--split", split, *QUICK)
    assert cli("train", "predictor", "proteins", "table.csv", *flags, "-o", "p").code == 0
    assert set(metrics("p")) == {"ledger", "rows", "refused", "random", split}
    assert load_predictor("proteins", "p").predictor.summary["calibration"] == split
    assert metrics("p")["random"]["rmse"] < metrics("p")[split]["rmse"]


def test_rows_that_contradict_the_wild_type_are_refused(cli, measured, wild_type):
    table = pd.concat([measured, pd.DataFrame({"mutant": ["A14G", "L14-", "oops", ""], "value": [1.0] * 4})])
    table[["mutant", "value"]].to_csv("table.csv", index=False)
    flags = ("--target", "value", "--wild-type", wild_type, *QUICK, "-o", "p")
    assert cli("train", "predictor", "proteins", "table.csv", *flags).code == 0
    refused = pd.read_csv("p/rejects.csv")
    assert refused["item"].fillna("").tolist() == ["A14G", "L14-", "oops", ""]
    assert "the wild type itself is written WT" in refused["reason"][3]
    assert "says A at 14, where the reference has L" in refused["reason"][0]


def test_shifted_numbers_are_told_and_may_be_given_with_the_sequence(cli, measured):
    texts = [*measured["sequence"][:140], *measured["mutant"][140:]]
    measured.assign(mutant=texts)[["mutant", "value"]].to_csv("table.csv", index=False)
    flags = ("--target", "value", *QUICK, "-o", "p")
    result = cli("train", "predictor", "proteins", "table.csv", "--wild-type", WILD, *flags)
    assert "numbering seems shifted by 10: it fits a wild type /11-40" in Path("p/rejects.csv").read_text()
    assert result.err.count("seems shifted by 10: it fits a wild type /11-40. Number the wild type so") == 1
    result = cli("train", "predictor", "proteins", "table.csv", "--wild-type", f"{WILD}/11-40", *flags, "--force")
    assert result.code == 0, result.err
    assert metrics("p")["refused"] == 0


def shifted() -> pd.DataFrame:
    """Numbered from 11: where the wild type is said to begin at 12, the second of two equal letters fits by chance."""
    names = [f"{letter}{place}{new}" for place, letter in enumerate(WILD, 11) for new in "DEKWYF" if new != letter]
    return pd.DataFrame({"mutant": names, "value": range(len(names))})


def test_where_a_shift_refuses_most_rows_nothing_is_trained_on_the_rest(cli):
    shifted().to_csv("table.csv", index=False)
    wrong = ("--wild-type", f"{WILD}/12-41")
    result = cli("train", "predictor", "proteins", "table.csv", "--target", "value", *wrong, *QUICK, "-o", "p")
    assert result.code == 3
    assert "seems shifted by -1: it fits a wild type /11-40; those that fit may do so by chance. Number" in result.err
    assert not Path("p").exists()


@pytest.mark.long
def test_a_shift_is_told_once_by_predict_with_what_may_fit_by_chance(cli, measured):
    measured.to_csv("table.csv", index=False)
    assert cli("train", "predictor", "proteins", "table.csv", "--target", "value", *QUICK, "-o", "p").code == 0
    shifted().to_csv("shifted.csv", index=False)
    asked = ("shifted.csv", "--wild-type", f"{WILD}/12-41", "--predictor", "fitness=p", "--threads", 1)
    for flags in (("predict", "proteins", *asked), ("score", "proteins", "--variants", *asked[:-2])):
        result = cli(*flags, "-o", f"{flags[0]}.csv")
        assert result.code == 0, result.err
        fitted = len(pd.read_csv(f"{flags[0]}.csv"))
        assert result.err.count("seems shifted by -1: it fits a wild type /11-40. Number the wild type so") == 1
        assert f"The {fitted} rows that fitted may have done so by chance" in result.err


def test_no_prediction_at_all_is_an_error_with_its_reason_and_the_table_is_there(cli, measured):
    measured.to_csv("table.csv", index=False)
    assert cli("train", "predictor", "proteins", "table.csv", "--target", "value", *QUICK, "-o", "p").code == 0
    Path("longer.csv").write_text("mutant,note\nWT,a\nK2R,b\n")
    asked = ("longer.csv", "--wild-type", f"{WILD}A", "--predictor", "fitness=p")
    for flags in (("predict", "proteins", *asked), ("score", "proteins", "--variants", *asked)):
        result = cli(*flags, "--threads", 1, "-o", f"{flags[0]}.csv")
        assert result.code == 3, result.err
        assert "fitness: 31 residues, where this predictor sees variants of 30" in result.err
        table = pd.read_csv(f"{flags[0]}.csv")
        assert table["mutant"].tolist() == ["WT", "K2R"]
        assert table["note"].tolist() == ["a", "b"]
        assert table["fitness"].isna().all()


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--split", "position"), 2, "positions"),
        (("--split", "scaffold"), 2, "Known: grouped, low-high, mutations, positions, random"),
        (("--split", "grouped"), 2, "proteins has none"),
        (("--wild-type", "nowhere.fa"), 2, "a sequence, or a file"),
        (("--set", "inputs=scored"), 2, "Pass --model"),
        (("--set", "scale=ln"), 2, "scale"),
    ],
)
def test_wrong_flags_are_told(cli, measured, flags, code, said):
    measured[["sequence", "value"]].to_csv("table.csv", index=False)
    result = cli("train", "predictor", "proteins", "table.csv", "--target", "value", *QUICK, *flags, "-o", "p")
    assert result.code == code, result.err
    assert said in result.err


def test_a_split_by_mutations_needs_different_numbers_of_them(cli, measured):
    one = measured[measured["mutant"].str.count(":") == 1]
    one[["sequence", "value"]].to_csv("table.csv", index=False)
    flags = ("--target", "value", "--split", "mutations", "--wild-type", WILD, *QUICK)
    result = cli("train", "predictor", "proteins", "table.csv", *flags, "-o", "p")
    assert result.code == 3
    assert "different numbers of mutations" in result.err
    assert "found 2 mutations in every one. Pass --split positions" in result.err
    singles = ["WT", *(f"{WILD[place]}{place + 1}{'A' if WILD[place] != 'A' else 'G'}" for place in range(20))]
    pd.DataFrame({"mutant": singles, "value": range(21)}).to_csv("table.csv", index=False)
    result = cli("train", "predictor", "proteins", "table.csv", *flags, "-o", "q")
    assert "found 1 mutation in every one. Pass --split positions" in result.err


def test_sequences_of_several_lengths_have_no_positions(cli):
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list(ALPHABET), size)) for size in generator.integers(20, 40, 40)]
    pd.DataFrame({"sequence": texts, "value": generator.random(40)}).to_csv("table.csv", index=False)
    flags = ("--target", "value", *QUICK)
    result = cli("train", "predictor", "proteins", "table.csv", *flags, "--split", "positions", "-o", "p")
    assert result.code == 3
    assert "one reference in common" in result.err
    assert cli("train", "predictor", "proteins", "table.csv", *flags, "-o", "p").code == 0
    assert load_predictor("proteins", "p").predictor.made_by == {}


@pytest.mark.long
def test_scores_of_the_family_are_seen_and_what_has_none_is_refused(cli, family_model, tmp_path):
    """Half of the family's columns never change, so that its model penalizes changes there, as the assay does."""
    focus = (family_model.parent / "family.a2m").read_text().split("\n")[1]
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(90):
        place = int(generator.integers(30))
        letter = generator.choice([one for one in ALPHABET if one != focus[place]])
        rows.append((f"{focus[place]}{place + 5}{letter}", (place % 2) + 0.1 * generator.standard_normal()))
    table = pd.DataFrame([*rows, ("A400G", 0.0)], columns=["mutant", "value"])
    table.to_csv("table.csv", index=False)
    base = ("--target", "value", "--wild-type", family_model.parent / "family.a2m", "--split", "positions", *QUICK)
    for folder, more in (("plain", ()), ("scored", ("--model", family_model))):
        result = cli("train", "predictor", "proteins", "table.csv", *base, *more, "-o", folder)
        assert result.code == 0, result.err
    assert metrics("scored")["positions"]["rmse"] < metrics("plain")["positions"]["rmse"]
    assert load_predictor("proteins", "scored").predictor.settings.inputs == "scored"
    found = predict("proteins", [focus, focus[:-1]], "scored").table
    assert found["value"].notna().tolist() == [True, False]
