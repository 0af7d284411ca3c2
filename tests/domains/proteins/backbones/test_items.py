"""Backbones as text, their identity, and what is refused."""

import base64
import zlib

import numpy as np
import pytest

from sciencegen.domains.proteins.backbones.items import LONGEST, backbone, key, parse_text, text
from sciencegen.items import Refusal
from tests.domains.proteins.backbones.examples import HELIX, STRAND, built, chains, random_chain


def turned(item, mirrored=False, seed=0):
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn)) * (-1 if mirrored else 1)
    return backbone(item.coordinates.astype(float) @ turn + (5.0, -3.0, 20.0), item.sequence, item.numbers)


@pytest.mark.parametrize(
    "numbers", [(), tuple(map(str, range(-3, 17))), ("1", "2", "2A", "2B", *map(str, range(30, 46)))]
)
def test_a_text_is_the_item_again(numbers):
    made = chains()[0]
    item = backbone(made.coordinates, made.sequence, numbers, "my chain", "AB")
    back = parse_text(text(item))
    assert (back.name, back.chain, back.sequence, back.numbers) == ("my_chain", "AB", made.sequence, item.numbers)
    assert np.array_equal(back.coordinates, item.coordinates)
    assert back.coordinates.dtype == np.float32
    assert text(back) == text(item)
    assert "\n" not in text(item)


def test_the_key_ignores_the_place_and_tells_a_mirror_image():
    item = random_chain(3, 60)
    assert key(turned(item)) == key(item)
    assert key(turned(item, mirrored=True)) != key(item)
    assert key(random_chain(4, 60)) != key(item)
    assert key(built([HELIX] * 30)) != key(built([STRAND] * 30))


def test_what_is_no_chain_is_refused():
    whole = chains()[5].coordinates.astype(float)
    assert "9 residues; 10 to" in backbone(whole[:9]).reason
    assert "1 residues" in backbone(whole[:1]).reason
    assert f"5000 residues; 10 to {LONGEST}" in backbone(np.zeros((5000, 4, 3))).reason
    broken = whole.copy()
    broken[4, 2, 1] = np.nan
    assert backbone(broken).reason == "residue 5 has no coordinates of C"
    assert "Å from the origin" in backbone(whole + 20_000).reason
    broken = whole.copy()
    broken[7, 1] = broken[7, 0]
    assert backbone(broken).reason == "residue 8 has two atoms in one place"
    assert "no amino acid" in backbone(whole, "B" * len(whole)).reason
    assert "3 letters" in backbone(whole, "GGG").reason


@pytest.mark.parametrize(
    ("label", "reason"),
    [("2", "two residues have the number 2"), ("1:", "residue number '1:'"), ("1234567", "up to six digits"),
     ("5AB", "residue number '5AB'"), ("٣", "residue number"), ("", "residue number ''")],
)  # fmt: skip
def test_numbers_that_a_file_could_not_hold_are_refused(label, reason):
    made = chains()[0]
    numbers = ("1", "2", label, *map(str, range(4, len(made) + 1)))
    assert reason in backbone(made.coordinates, made.sequence, numbers).reason


def test_damaged_and_hostile_texts_are_refused():
    good = text(chains()[0])
    head, _, packed = good.rpartition(":")
    bomb = base64.b64encode(zlib.compress(bytes(10_000_000))).decode()
    for wrong in (
        "backbone:",
        good[:-9],
        f"{head}:{packed[:-4]}",
        f"{head}:{bomb}",
        f"{head}:é",
        good.replace(":A:", ":"),
    ):
        assert isinstance(parse_text(wrong), Refusal), wrong[:60]
    for ranges in ("1..99999999", "5..1", "x", "1..1000000", ""):
        parts = good.split(":")
        parts[3] = ranges
        assert isinstance(parse_text(":".join(parts)), Refusal)


@pytest.mark.parametrize(("given", "kept"), [("c03", "C3"), (" C2 ", "C2"), ("", "")])
def test_a_symmetry_has_one_spelling(given, kept):
    assert backbone(random_chain(0, 12).coordinates, symmetry=given).symmetry == kept
