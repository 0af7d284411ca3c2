"""Texts that stand for variants, and what is said of those that don't."""

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.variants import Reference
from sciencegen.items import Refusal
from tests.domains.proteins.examples import GB1

NAMES = DOMAIN.variants.names(Reference(GB1, 5))


@pytest.mark.parametrize("text", ["V43A", "Val43Ala", "p.Val43Ala", "p.(VAL43ALA)", GB1[:38] + "A" + GB1[39:] + "*"])
def test_a_variant_has_one_name(text):
    assert NAMES.read(text) == ("V43A", GB1[:38] + "A" + GB1[39:])


@pytest.mark.parametrize("text", ["WT", GB1, GB1.lower(), "V43=", "Val43="])
def test_the_wild_type_has_one_too(text):
    assert NAMES.read(text) == ("WT", GB1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty; the wild type itself is written WT"),
        (GB1[:-1], "55 letters, the reference has 56"),
        (GB1 + GB1, "112 letters, the reference has 56"),
        ("ATGGCC" * 10, "60 nucleotides, it seems: translate them"),
        ("V43*", "is a stop"),
        ("Val43Ter", "is a stop"),
        ("Val43Xyz", "is no variant"),
        ("Val43del", "write a deletion as A42-"),
        ("Ala43Val", "says A at 43, where the reference has V"),
    ],
)
def test_what_is_none_says_why(text, reason):
    found = NAMES.read(text)
    assert isinstance(found, Refusal)
    assert reason in found.reason


@pytest.mark.parametrize("shift", [-4, -1, 1, 20])
def test_a_shifted_numbering_is_seen(shift):
    texts = [f"{GB1[at]}{at + 5 + shift}A" for at in (3, 8, 17, 30, 41)]
    assert NAMES.hint(texts) == f"numbering seems shifted by {shift}: it fits a wild type /{5 + shift}-{60 + shift}"
    assert NAMES.hint([":".join(texts)]) == NAMES.hint(texts)


def test_a_numbering_with_a_gap_of_its_own_is_seen_where_most_of_many_rows_agree():
    texts = [f"{GB1[at]}{at + 5 + (2 if at < 30 else 3)}A" for at in range(0, 50, 2)]
    assert NAMES.hint(texts).startswith("numbering seems shifted by 2 in ")
    assert NAMES.hint(NAMES.places(texts)) == NAMES.hint(texts)
    assert NAMES.hint([*texts, *(f"{GB1[at]}{at + 5}A" for at in range(50))]) == ""  # most rows fit as they are


@pytest.mark.timeout(20)
def test_one_odd_number_among_shifted_ones_costs_no_time():
    texts = [f"{GB1[at]}{at + 9}A" for at in range(20)]
    assert NAMES.hint([*texts, "A999999999G", "A-999999999G"]) == NAMES.hint(texts) != ""


@pytest.mark.parametrize("first", [0, -3])
def test_numbers_may_start_at_zero_or_below(first):
    texts = [f"{GB1[at]}{at + first}A" for at in range(20)]
    last = first + len(GB1) - 1
    assert NAMES.hint(texts) == f"numbering seems shifted by {first - 5}: it fits a wild type /{first}-{last}"
    fitting = DOMAIN.variants.read_reference(f"{GB1}/{first}-{last}", 1)
    changed = [text for text in texts if text[0] != "A"]
    assert [DOMAIN.variants.names(fitting).read(text)[0] for text in changed] == changed


def test_no_shift_is_seen_where_numbers_fit_or_tell_little():
    assert NAMES.hint([f"{GB1[at]}{at + 5}A" for at in (3, 8, 17)]) == ""
    assert NAMES.hint(["A7G", "A9G"]) == ""
    assert NAMES.hint(["W5A", "W6A", "W7A", "W8A"]) == ""
    assert NAMES.hint([]) == ""
