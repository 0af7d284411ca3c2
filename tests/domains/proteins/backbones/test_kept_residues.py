"""Numbers of residues to keep: those of the file, with insertion codes; what isn't there is refused."""

import pytest

from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.motifs import check_numbers, kept_letters, kept_names
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from tests.domains.proteins.backbones.examples import helix

NUMBERS = ("-1", "0", "1", "2", "2A", "3", "7", "8", "9", "10")
ITEM = backbone(helix(10), "ACDEFGHXKL", NUMBERS, chain="B")


@pytest.mark.parametrize(
    ("keep", "letters"),
    [
        ("", "----------"),
        ("2", "---E------"),
        ("2A", "----F-----"),
        ("1-3", "--DEFG----"),
        (" -1-0 , 9", "AC------K-"),
        ("-1,1,10,10", "A-D------L"),
        ("4-7", "------H---"),
        ("known", "ACDEFGH-KL"),
    ],
)
def test_letters_of_the_numbers_stay(keep, letters):
    check_numbers(keep)
    assert kept_letters(ITEM, keep) == letters


def test_names_have_chain_and_number():
    assert kept_names(ITEM, "-1,2-3") == "B-1 B2 B2A B3"
    assert kept_names(ITEM, "") == ""


@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        ("5", "no residue 5 to keep"),
        ("1,4-6", "no residue 4-6 to keep"),
        ("3A", "no residue 3A"),
        ("8", "no known amino acid to keep at residue 8"),
        ("-1-7,9-10,8", "no known amino acid"),
    ],
)
def test_absent_and_unknown_residues_are_refused(keep, reason):
    for found in (kept_letters(ITEM, keep), kept_names(ITEM, keep)):
        assert isinstance(found, Refusal)
        assert reason in found.reason


def test_something_must_be_left():
    found = kept_letters(backbone(helix(10), "ACDEFGHIKL"), "1-10")
    assert isinstance(found, Refusal)
    assert "none is left" in found.reason
    assert kept_letters(backbone(helix(10)), "known") == "----------"


@pytest.mark.parametrize("keep", ["a", "1;2", "20-10", "1-", "1-2-3", "A10", "1.5"])
def test_other_texts_are_errors(keep):
    with pytest.raises(ConfigError, match=r"Expected numbers of residues such as 10-20,35, or 'known', for"):
        check_numbers(keep)
