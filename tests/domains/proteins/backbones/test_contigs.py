"""Contigs in RFdiffusion's notation, and lengths that are drawn from them."""

from collections import Counter

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.motifs import Free, Lengths, Range, parse_contigs
from sciencegen.errors import ConfigError


@pytest.mark.parametrize("text", ["10-40,A163-181,10-40", "[10-40/A163-181/10-40]", " 10-40, A163-181 ,5-20,5-20"])
def test_commas_slashes_and_brackets_mean_the_same(text):
    ranges, free = parse_contigs(text)
    assert ranges == (Range("A", 163, 181),)
    assert free == (Free(10, 40), Free(10, 40))


def test_single_residues_negative_numbers_and_neighbouring_parts():
    ranges, free = parse_contigs("A-3-2,B7,AB10-12,6")
    assert [str(one) for one in ranges] == ["A-3-2", "B7", "AB10-12"]
    assert free == (Free(), Free(), Free(), Free(6, 6))


@pytest.mark.parametrize(
    ("part", "expected", "written"),
    [
        ("1:163-181", Range("1", 163, 181), "1:163-181"),
        ("a5-9", Range("a", 5, 9), "a5-9"),
        ("A:-3--1", Range("A", -3, -1), "A-3--1"),
        ("A2:5", Range("A2", 5, 5), "A2:5"),
        ("A-2:5-9", Range("A-2", 5, 9), "A-2:5-9"),
        ("_:5-9", Range("_", 5, 9), "_:5-9"),
        ("ABCDE:5-9", Range("ABCDE", 5, 9), "ABCDE:5-9"),
    ],
)
def test_chains_of_any_name_have_a_colon(part, expected, written):
    (found,) = parse_contigs(f"5,{part},5")[0]
    assert found == expected
    assert str(found) == written
    assert parse_contigs(f"5,{written},5")[0] == (expected,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10-40", "with residues of the motif"),
        ("5,163-181,5", "a colon follows the name of a chain that isn't letters only, such as '1:163-181'"),
        ("5,A2_5-9,5", "got the part 'A2_5-9'.*a colon follows"),
        ("5,1163-181,5", "lengths that rise, got '1163-181'.*such as '1:163-181'"),
        ("", "got the part ''"),
        ("10-40,A163-181x,3", "got the part 'A163-181x'"),
        ("A1-10,0,B1-10", "'0' breaks a chain in RFdiffusion"),
        ("A1-10/0 B1-10", "'0' breaks a chain in RFdiffusion"),
        ("10-20,A20-30 10-20", "the part 'A20-30 10-20'. Separate parts by commas, not by blanks"),
        ("A20-10", "ranges that rise, got 'A20-10'"),
        ("40-10,A1-5", "lengths that rise, got '40-10'"),
        ("A1-10,5,A10-20", "each residue once, got A1-10 and A10-20"),
        ("5,A3-4,A3", "each residue once"),
    ],
)
def test_wrong_contigs_are_named(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_contigs(text)


def test_each_combination_with_an_accepted_total_is_equally_likely():
    lengths = Lengths((Free(0, 3), Free(2, 2), Free(1, 4)), kept=10, shortest=15, longest=16)
    generator = np.random.default_rng(0)
    found = Counter(tuple(lengths.draw(generator)) for _ in range(6000))
    expected = {(a, 2, b) for a in range(4) for b in range(1, 5) if a + b in (3, 4)}
    assert set(found) == expected
    assert np.array(list(found.values())) / 6000 == pytest.approx(1 / len(expected), abs=0.02)


def test_possible_totals():
    lengths = Lengths((Free(10, 40), Free(10, 40)), kept=19, shortest=50, longest=60)
    assert lengths.possible == (39, 99)
    assert not lengths.empty
    assert Lengths(lengths.free, 19, 100, 120).empty
    assert Lengths(lengths.free, 19, 10, 38).empty
    assert all(50 <= 19 + sum(lengths.draw(np.random.default_rng(seed))) <= 60 for seed in range(50))
    many = Lengths((Free(0, 99_999), Free(0, 99_999), Free(0, 99_999)), 19, 10, 60)
    assert 19 <= 19 + sum(many.draw(np.random.default_rng(0))) <= 60, "in no time"
    assert Lengths((Free(), Free()), 19, 10, 60).draw(np.random.default_rng(0)) == [0, 0]
