"""score --variants --structure: what a structure of the wild type adds."""

import pandas as pd
import pytest

from sciencegen.api.models.folder import load_model
from tests.domains.proteins.example_structures import pdb, peptide


@pytest.fixture
def structure(family_model, tmp_path):
    """The first residue is not in it, and its numbers are other ones."""
    focus = load_model("proteins", family_model).reference.sequence
    (tmp_path / "1abc.pdb").write_text(pdb(peptide(focus[1:], 201)))
    return "1abc.pdb"


def score(cli, family_model, variants, *more):
    return cli("score", "proteins", "--variants", variants, "--model", family_model, "-o", "s.csv", "--force", *more)


@pytest.mark.long
def test_ranks_are_added_and_the_rest_stays(cli, family_model, structure):
    plain = score(cli, family_model, "all-singles")
    assert plain.code == 0, plain.err
    before = pd.read_csv("s.csv")
    result = score(cli, family_model, "all-singles", "--structure", structure)
    assert result.code == 0, result.err
    assert "structure: 29 of the reference's 30 positions have a residue" in result.err
    table = pd.read_csv("s.csv")
    pd.testing.assert_frame_equal(table[before.columns.tolist()], before)
    assert table.family_structure_score.between(0, 1).all()
    placed = table[table.contacts.notna()]
    assert len(table) - len(placed) == 19
    same = placed.groupby("contacts").family_structure_score.corr(placed.score, method="spearman")
    assert same.dropna().min() > 0.8  # at one position only the family's score tells, or log odds
    one = table.iloc[200]
    pd.DataFrame({"mutant": [one.mutant]}).to_csv("few.csv", index=False)
    assert score(cli, family_model, "few.csv", "--structure", f"{structure}:A").code == 0
    assert pd.read_csv("s.csv").family_structure_score[0] == one.family_structure_score


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--structure", "nothing.pdb"], "nothing.pdb"),
        (["--structure", "family.a2m"], "Expected a structure file"),
    ],
)
def test_what_is_no_structure_is_refused(cli, family_model, words, message):
    result = score(cli, family_model, "all-singles", *words)
    assert result.code == 2
    assert message in result.err


def test_it_needs_variants_and_a_family(cli, workspace, structure):
    result = cli("score", "proteins", "x.fasta", "--structure", structure)
    assert (result.code, "Expected --variants with --structure" in result.err) == (2, True)
    result = cli(
        "score", "pointclouds", "--variants", "all-singles", "--model", workspace.model, "--structure", structure
    )
    assert (result.code, "Expected a domain with structures" in result.err) == (2, True)
