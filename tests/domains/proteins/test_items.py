"""Parsing: what must be refused is, with its reason, and what is equal is one item."""

import numpy as np
import pytest

from sciencegen.domains.proteins.items import (
    ALPHABET,
    GAP,
    MAX_RESIDUES,
    decode_rows,
    encode_joined,
    encode_rows,
    parse,
)
from sciencegen.errors import ShapeError
from sciencegen.items import Refusal


@pytest.mark.parametrize("text", ["MKVLA", " MKVLA\n", "mkvla", "MKVLA*", "\tmkVLa* "])
def test_blanks_at_the_ends_case_and_a_final_stop_don_t_count(text):
    assert parse(text) == "MKVLA"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" * ", "empty"),
        ("MK-VLA", "`form` aligned"),
        ("MK.VLA", "`form` aligned"),
        ("MKXVLA", "unknown residue 'X', at position 3"),
        ("XXXX", "no amino acids, as backbones that a model drew: ask for properties of structures"),
        ("MKB", "'B', asparagine or aspartate, at position 3"),
        ("zMK", "'Z', glutamine or glutamate, at position 1"),
        ("MJ", "leucine or isoleucine"),
        ("MKU", "selenocysteine"),
        ("MKO", "pyrrolysine"),
        ("MK*VLA", "a stop '*', at position 3"),
        ("MK VLA", "' ', no amino acid, at position 3"),
        ("MK1", "'1', no amino acid"),
        ("M\x00K", "no amino acid, at position 2"),
        ("ACGTACGTACGTACGTACGTN", "looks like DNA, translate it first"),
        ("augc" * 6, "looks like DNA"),
        ("MKА", "position 3"),  # a Cyrillic letter
        ("A" * (MAX_RESIDUES + 1), f"{MAX_RESIDUES + 1} letters"),
        (3, "expected a sequence, got int"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_protein_is_refused_with_the_reason(text, reason):
    found = parse(text)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_short_texts_of_nucleotides_are_proteins():
    assert parse("ACGTACGTACGTACGTACG") == "ACGTACGTACGTACGTACG"
    assert parse("W" * MAX_RESIDUES) == "W" * MAX_RESIDUES


def test_rows_of_numbers_and_back(generator):
    rows = generator.integers(0, GAP + 1, size=(7, 31)).astype(np.uint8)
    texts = decode_rows(rows)
    assert set("".join(texts)) <= set(ALPHABET + "-")
    assert np.array_equal(encode_rows(texts), rows)
    numbers, lengths = encode_joined(["MK", "A", "WYV"])
    assert [ALPHABET[number] for number in numbers] == list("MKAWYV")
    assert lengths.tolist() == [2, 1, 3]
    with pytest.raises(ShapeError, match="1 to 2"):
        encode_rows(["MK", "A"])
