import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.variant_tables import read_reference
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from tests.domains.proteins.examples import GB1

WILD = Reference(GB1, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("V43A", GB1[:38] + "A" + GB1[39:]),
        (" v43a:D44W ", GB1[:38] + "AW" + GB1[40:]),
        ("WT", GB1),
        ("wildtype", GB1),
        (GB1.lower(), GB1),
        (GB1[:-1], GB1[:-1]),
        (GB1 + "*", GB1),
    ],
)
def test_a_name_and_a_sequence_stand_for_a_sequence(text, expected):
    assert DOMAIN.variants.text_of(WILD, text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A43V", "says A at 43, where the reference has V"),
        ("V943A", "outside the reference, which spans 5 to 60"),
        ("V43A:V43G", "change the same position"),
        ("V43-", "deletes a residue"),
        (GB1[:38] + "-" + GB1[39:], "deletes a residue"),
        ("", "empty; the wild type itself is written WT"),
        ("V43*", "is a stop"),
        ("V43AA", "inserts residues"),
        ("V43X", "none of the 20 amino acids"),
        ("43", "is no variant"),
        ("nonsense!", "is no variant"),
    ],
)
def test_what_is_no_variant_says_why(text, reason):
    found = DOMAIN.variants.text_of(WILD, text)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_a_wild_type_is_a_sequence_or_the_first_record_of_a_file(tmp_path):
    assert DOMAIN.variants.read_reference(GB1.lower()) == Reference(GB1)
    assert DOMAIN.variants.read_reference(f" {GB1.lower()}/5-60") == WILD
    path = tmp_path / "gb1.fasta"
    path.write_text(f">GB1/5-60 something\n{GB1[:30]}\n{GB1[30:]}\n")
    assert DOMAIN.variants.read_reference(str(path)).sequence == GB1
    (tmp_path / "ranged.a2m").write_text(f">GB1/5-60\n{GB1}\n>other\n{GB1[:50]}------\n")
    assert DOMAIN.variants.read_reference(str(tmp_path / "ranged.a2m")) == WILD


def test_a_long_sequence_is_no_name_of_a_file():
    assert DOMAIN.variants.read_reference("MKV" * 1000).sequence == "MKV" * 1000


@pytest.mark.parametrize("source", ["nowhere.fasta", "MKVX", "", "MK V"])
def test_what_is_neither_is_told(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="a sequence, or a file"):
        DOMAIN.variants.read_reference(source)


def test_a_file_without_a_sequence_is_told(tmp_path):
    path = tmp_path / "empty.fasta"
    path.write_text(">nothing\n")
    with pytest.raises(DataError):
        DOMAIN.variants.read_reference(str(path))


@pytest.mark.parametrize(
    ("source", "sites"), [("MAKA/40-43@41,43", (41, 43)), ("MAKA@2-4", (2, 3, 4)), ("MAKA@4,1", (4, 1)), ("MAKA", ())]
)
def test_open_positions_stand_behind_the_wild_type(source, sites):
    assert read_reference(source).sites == sites


@pytest.mark.parametrize("numbers", ["41", "5", "0-2", "2,2", "1-4,3", "3-2", "1-999999999"])
def test_wrong_open_positions_are_an_error(numbers):
    with pytest.raises(ConfigError, match="Expected different open positions from 1 to 4"):
        read_reference(f"MAKA@{numbers}")


def test_a_file_may_have_an_at_sign_in_its_name(tmp_path):
    (tmp_path / "wild@2").write_text(">a\nMAKA\n")
    assert read_reference(str(tmp_path / "wild@2")).sites == ()
    assert read_reference(f"{tmp_path / 'wild@2'}@3,1").sites == (3, 1)
