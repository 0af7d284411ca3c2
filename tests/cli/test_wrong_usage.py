"""Wrong usage is an error before any work, and leaves no files."""

from pathlib import Path

import pytest


def left() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


@pytest.fixture
def table() -> str:
    Path("m.csv").write_text("item,value\nCCO,1\nCCN,2\nc1ccccc1,3\nCC,2\n")
    return "m.csv"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "molecules", "--data", "m.csv", "-o", "runs/a/b", "--condition", "nothing"),
        ("train", "proteins", "--data", "m.csv"),
        ("train", "molecules", "--data", "m.csv", "--from", "molecules", "--recipe", "joint"),
        ("score", "molecules", "m.csv", "--with", "nothing", "-o", "new/s.csv"),
        ("report", "nowhere"),
        ("datasets", "prepare", "molecules", "m.csv", "-o", "new/data", "--columns", "valu"),
        ("optimize", "molecules", "--goal", "maximize nothing", "-o", "new/o.csv", "--details", "d"),
        ("train", "predictor", "molecules", "m.csv", "--target", "value", "-o", "p/q"),
    ],
    ids=" ".join,
)
def test_a_command_that_fails_leaves_no_folder(cli, table, arguments):
    result = cli(*arguments)
    assert result.code in (2, 3), result.err
    assert left() == [table]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("optimize", "molecules", "--goal", "maximize qed", "-o", "o.pdb"), "-o to end in .csv"),
        (("optimize", "molecules", "--goal", "maximize qed", "--structures", "o.pdb"), "--structures to end in .smi"),
        (("propose", "molecules", "--measured", "m.csv", "-o", "o.pdb"), "-o to end in .csv"),
        (("generate", "molecules", "--complete", "qm9-conformers", "-o", "x.csv"), "structures (.sdf) with --complete"),
        (("evaluate", "molecules", "m.csv", "--against", "moses/test", "--draws", "9"), "with --calibrate only"),
        (("score", "molecules", "m.csv", "--wild-type", "ACD"), "molecules have no variants by name"),
        (("generate", "molecules", "--predictor", "qm9-properties"), "--predictor NAME=FOLDER"),
        (("generate", "molecules", "--predictor", "gap=qm9-propertis"), "Did you mean 'qm9-properties'?"),
        (("optimize", "molecules", "--goal", "maximize bandgap"), "--predictor gap=qm9-properties"),
        (("optimize", "molecules", "--goal", "maximize homo_lumo_gap"), "predicts gap: --predictor"),
        (("optimize", "molecules", "--goal", "maximize QED"), "Did you mean 'qed'"),
        (("report", "nowhere"), "Make one with `sciencegen run`"),
        (("train", "molcules"), "Did you mean 'molecules'?"),
        (("generate", "proteins"), "or --alignment"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_it_says_what_to_do_instead(cli, table, arguments, said):
    result = cli(*arguments)
    assert result.code in (2, 3), result.err
    assert said in result.err
    assert "satisfy the goals" not in result.err  # said after a search
    assert left() == [table]


@pytest.mark.parametrize("written", ["members=1", "members: 1", "{members: 1}"])
def test_settings_that_are_the_network_s_are_told_their_flag(cli, table, written):
    """In verbs that have `--set`; other errors don't name it."""
    result = cli("train", "proteins", "--data", table, "--settings", written)
    assert result.code == 2
    assert "--set NAME=VALUE. Pass settings of the training with --training" in result.err
    result = cli("train", "predictor", "proteins", table, "--target", "value", "-o", "p", "--settings", written)
    assert "--set NAME=VALUE" in result.err
    assert "--training" not in result.err
    for verb, settings in (("generate", written), ("train", "{seed: -1}")):
        assert "--set NAME" not in cli(verb, "proteins", "--settings", settings).err


def test_a_wrong_molecule_in_a_name_is_no_unknown_name(cli):
    result = cli("optimize", "molecules", "--goal", "similarity to XX >= 0.4")
    assert result.code == 2
    assert "--predictor" not in result.err


def test_variants_by_name_need_what_they_are_named_against(cli):
    Path("v.csv").write_text("mutant,fitness\nA5G,1\n")
    result = cli("train", "predictor", "proteins", "v.csv", "--target", "fitness", "-o", "p")
    assert result.code == 3
    assert "found variants by name ('mutant'). Pass --wild-type" in result.err


def test_salts_are_told(cli):
    Path("x.smi").write_text("CCO\n[Na+].[Cl-]\nCC(=O)[O-].[Na+]\nC\n")
    result = cli("score", "molecules", "x.smi", "--with", "logp", "-o", "s.csv")
    assert result.code == 0, result.err
    assert "note: 2 rows hold several molecules" in result.err
    assert "line 2, 3" in result.err


def test_without_a_file_for_reasons_the_first_is_told(cli):
    Path("x.smi").write_text("nonsense\n")
    result = cli("score", "molecules", "x.smi", "--with", "logp")
    assert result.code == 3
    assert "the first, line 1: not a valid SMILES string; pass -o" in result.err


def test_names_of_what_the_family_thinks_are_suggested(cli, family_model):
    goal = cli("optimize", "proteins", "--model", family_model, "--goal", "maximize Family score")
    assert (goal.code, "Or did you mean 'family_score'?" in goal.err) == (2, True)


def test_a_model_that_scores_nothing_is_told(cli, workspace):
    Path("x.csv").write_text("item\nCCO\n")
    result = cli("score", "molecules", "x.csv", "--model", "qm9-joint")
    assert (result.code, "has no scores of its own. Leave it out" in result.err) == (2, True)


def test_a_predictor_that_is_named_is_written(cli, workspace):
    named = ("--predictor", f"m={workspace.folder / 'predictor'}")
    assert cli("generate", "pointclouds", "--model", workspace.model, "-n", 3, *named, "-o", "g.csv").code == 0
    assert Path("g.csv").read_text().splitlines()[0] == "item,m,m_lower,m_upper,m_in_domain"
    wish = ("--goal", "maximize height", "--budget", 30, "-n", 3)
    assert cli("optimize", "pointclouds", "--model", workspace.model, *wish, *named, "-o", "o.csv").code in (0, 5)
    assert "height,m,m_lower,m_upper,m_in_domain" in Path("o.csv").read_text().splitlines()[0]
