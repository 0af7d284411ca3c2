"""Alignments by EVE's rules; and what is wrong with a file is said, never a silent wrong number."""

import gzip

import numpy as np
import pytest
from Bio import AlignIO

from sciencegen.domains.proteins import alignments as alignment_files
from sciencegen.domains.proteins.alignments import read_alignment
from sciencegen.domains.proteins.items import GAP, decode_rows, encode_rows
from sciencegen.errors import DataError
from tests.domains.proteins.examples import family

A2M = """>FOCUS/11-16 a description
M.KVl-AW
>second
MaKVlGAW
>third/2-9
-.KViGA-
>FRAGMENT
-.---G-W
>unknown
M.KXlGAW
>second
m.KV.-AW
"""
A3M = """#a comment
>ss_pred
CCHHHHE
>FOCUS/11-16
MKVl-AW
>second
MaKVlGAW
>third/2-9
-KViGA-
>FRAGMENT
---G-W
>unknown
MKXlGAW
"""
STOCKHOLM = """# STOCKHOLM 1.0
#=GF ID test

FOCUS/11-16   M.KV
second        MaKV
#=GC RF       x.xx
third/2-9     -.KV

FOCUS/11-16   l-AW
second        lGAW
third/2-9     iGA-
#=GC RF       .xxx
//
"""


def write(tmp_path, text, name="in.a2m"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def fasta(rows, name="FOCUS"):
    texts = rows if isinstance(rows[0], str) else decode_rows(rows)
    return "".join(f">{name if number == 0 else f'r{number}'}\n{text}\n" for number, text in enumerate(texts))


def test_columns_are_the_upper_case_letters_of_the_focus(tmp_path):
    found = read_alignment(write(tmp_path, A2M))
    assert (found.focus.sequence, found.focus.first, found.name) == ("MKVLAW", 11, "FOCUS/11-16")
    assert decode_rows(found.rows) == ["MKVAW", "MKVAW", "-KVA-", "MKVAW"]
    assert found.names == ["FOCUS/11-16", "second", "third/2-9", "second"]
    assert found.positions.tolist() == [11, 12, 13, 15, 16], "the insertion l has the number 14 and no column"
    assert found.record.tolist() == [1, 2, 3, 6]
    assert found.gaps.tolist() == [0.25, 0, 0, 0, 0.25]
    assert found.dropped[0] == (4, "FRAGMENT", "more than half gaps")
    assert found.dropped[1][:2] == (5, "unknown")


def test_what_was_done_is_reported(tmp_path):
    found = read_alignment(write(tmp_path, A2M)).report
    assert (found.records, found.kept, found.fragments, found.ambiguous) == (6, 4, 1, 1)
    assert (found.focus_gaps, found.insertions, found.lower_case, found.duplicate_names) == (1, 1, 1, 1)
    said = "\n".join(found.notes())
    for words in (
        "1 of 6 sequences dropped: more than half gaps", "1 of 6 sequences dropped: letters beyond",
        "1 columns dropped: the first record has a gap there", "1 lower-case letters of the first record",
        "1 names occur more than once; every sequence was kept", "read as upper case",
    ):  # fmt: skip
        assert words in said
    assert "numbered from 1" not in said


def test_columns_of_many_gaps_stay_and_are_told(tmp_path):
    found = read_alignment(write(tmp_path, fasta(["MKVW", "MKV-", "MK--", "MK-W"])))
    assert found.rows.shape == (4, 4)
    assert found.gaps.tolist() == [0, 0, 0.5, 0.5]
    assert found.report.gappy_columns == 2
    assert found.report.notes() == [
        "2 columns are more than 30% gaps: their scores are less certain",
        "the first record's name has no range /first-last: positions are numbered from 1",
    ]


def test_exactly_half_gaps_is_no_fragment(tmp_path):
    found = read_alignment(write(tmp_path, fasta(["MKVW", "MK--", "M---"])))
    assert found.report.fragments == 1
    assert len(found.rows) == 2


def test_a3m_has_the_same_rows(tmp_path):
    plain = read_alignment(write(tmp_path, A2M))
    found = read_alignment(write(tmp_path, A3M, "in.a3m"))
    assert found.focus == plain.focus
    assert np.array_equal(found.rows, plain.rows[:3])
    assert found.positions.tolist() == plain.positions.tolist()
    assert found.names == ["FOCUS/11-16", "second", "third/2-9"]
    unnamed = read_alignment(write(tmp_path, A3M, "named_otherwise.a2m"))
    assert np.array_equal(unnamed.rows, found.rows)


def test_stockholm_has_the_same_rows_and_those_of_biopython(tmp_path):
    plain, path = read_alignment(write(tmp_path, A2M)), write(tmp_path, STOCKHOLM, "in.sto")
    found = read_alignment(path)
    assert found.focus == plain.focus
    assert np.array_equal(found.rows, plain.rows[:3])
    theirs = AlignIO.read(path, "stockholm")
    assert [record.id for record in theirs] == list(found.names)
    for row, record in zip(decode_rows(found.rows), theirs, strict=True):
        assert row == "".join(str(record.seq)[place] for place in (0, 2, 3, 6, 7)).replace(".", "-")


@pytest.mark.parametrize(("text", "name"), [(A2M, "in.a2m"), (A3M, "in.a3m"), (STOCKHOLM, "in.sto"), (A2M, "in.fasta")])
def test_gzipped_and_with_other_line_ends_is_the_same(tmp_path, text, name):
    plain = read_alignment(write(tmp_path, text, name))
    for other, ending in ((text, ".gz"), (text.replace("\n", "\r\n"), ""), ("\ufeff" + text, "")):
        found = read_alignment(write(tmp_path, other, f"other_{name}{ending}"))
        assert np.array_equal(found.rows, plain.rows)
        assert (found.names, found.report) == (plain.names, plain.report)


def test_rows_go_out_and_in_whatever_the_blocks(tmp_path, generator, monkeypatch):
    rows = family(generator, 200, 90)
    rows = rows[(rows == GAP).mean(1) <= 0.5]
    path = write(tmp_path, fasta(rows, "F/5-94"))
    for size in (1 << 24, 1000, 97):
        monkeypatch.setattr(alignment_files, "BLOCK_BYTES", size)
        found = read_alignment(path)
        assert np.array_equal(found.rows, rows)
        assert found.record.tolist() == list(range(1, len(rows) + 1))
    folded = "".join(f">r{n}\n{text[:50]}\n{text[50:]}\n" for n, text in enumerate(decode_rows(rows)))
    assert np.array_equal(read_alignment(write(tmp_path, folded)).rows, rows)


def test_without_a_range_numbers_start_at_one(tmp_path):
    for name in ("FOCUS", "sp|P1|A/B_HUMAN", "x/y-z"):
        found = read_alignment(write(tmp_path, fasta(["MKVW", "MKVA"], name)))
        assert (found.focus.first, found.name) == (1, name)
        assert not found.report.ranged


@pytest.mark.parametrize("given", ["11-17", "11-15", "16-11", "0-4", "-3-1", "1-1"])
def test_a_nonsense_range_is_refused(tmp_path, given):
    with pytest.raises(DataError, match=rf"Expected the range of 'FOCUS/{given}' .* to span its 4 letters, found"):
        read_alignment(write(tmp_path, fasta(["MKVW", "MKVA"], f"FOCUS/{given}")))


@pytest.mark.parametrize("name", ["in.a2m", "in.a3m", "in.sto", "in.fasta"])
def test_ragged_rows_name_the_record_and_both_lengths(tmp_path, name):
    text = fasta(["MKVW", "MKVA", "MKV"])
    if name == "in.sto":
        text = "# STOCKHOLM 1.0\nFOCUS MKVW\nr1 MKVA\nr2 MKV\n//\n"
    message = "record 3, 'r2', has 3 columns.*the first, 'FOCUS', has 4"
    with pytest.raises(DataError, match=message):
        read_alignment(write(tmp_path, text, name))


def test_an_a3m_whose_match_columns_disagree_is_ragged_though_its_lines_are_of_one_length(tmp_path):
    with pytest.raises(DataError, match="record 2, 'r1', has 3 columns"):
        read_alignment(write(tmp_path, fasta(["MKVW", "MKVa"]), "in.a3m"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("\n\n", "empty file"),
        (">FOCUS\n", "no letters"),
        (">FOCUS\n----\n>r1\nMKVW\n", "no letters"),
        (">FOCUS\nmkvw\n>r1\nMKVW\n", "lower case only"),
        (fasta(["ACGTACGTACGTACGTACGTACGT", "ACGTACGTACGTACGTACGTACGA"]), "looks like DNA, translate it first"),
        (fasta(["MKXW", "MKVA"]), "holds an unknown residue 'X', at position 3"),
        (fasta(["MKVW*", "MKVA*"]), "ends with a stop"),
        (fasta(["MKVW", "MK1A"]), "found '1' in record 2, 'r1'"),
        ("CLUSTAL W (1.83)\n\nseq1 MKV\n", "starts with 'CLUSTAL W (1.83)'"),
        ("MKV\nMKV\n", "starts with 'MKV'"),
        ("# STOCKHOLM 1.0\n//\n", "no sequence"),
        ("# STOCKHOLM 1.0\na MK\n//\n# STOCKHOLM 1.0\nb MK\n//\n", "one alignment"),
        ("# STOCKHOLM 1.0\na MK VW\n//\n", "a name and letters in each line"),
    ],
)
def test_bad_files_are_explained(tmp_path, text, message):
    with pytest.raises(DataError) as error:
        read_alignment(write(tmp_path, text))
    assert message in str(error.value)


def test_missing_damaged_and_endless_files(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="nothing"):
        read_alignment(tmp_path / "missing.a2m")
    path = write(tmp_path, A2M, "in.a2m.gz")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged"):
        read_alignment(path)
    monkeypatch.setattr(alignment_files, "LONGEST_RECORD", 1000)
    with pytest.raises(DataError, match="at most 1000 bytes"):
        read_alignment(write(tmp_path, ">a\n" + "A" * 3000))


def test_names_may_be_empty_and_anything(tmp_path):
    found = read_alignment(write(tmp_path, ">\nMKVW\n> x\nMKVA\n>é|\x01 y\nMKVA\n"))
    assert found.names[0] == ""
    assert len(found.rows) == 3


def test_the_real_alignment(beta_lactamase):
    """8,403 homologues of TEM-1 in 253 columns; 48 hold X or Z there."""
    found = read_alignment(beta_lactamase)
    assert found.rows.shape == (8355, 253)
    assert (found.focus.first, found.focus.last, found.report.ambiguous) == (24, 286, 48)
    assert found.report.insertions == 10
    assert (found.positions[0], found.positions[-1]) == (29, 283)
    assert np.array_equal(encode_rows(decode_rows(found.rows[:5])), found.rows[:5])
    assert found.gaps.max() < 0.3


def test_repeated_rows_are_counted(tmp_path):
    path = tmp_path / "in.a2m"
    path.write_text(">F/1-4\nMKVW\n>a\nMKVA\n>b\nMKVW\n>c\nMKVA\n>d\nMKVA\n>e\nMKXA\n")
    report = read_alignment(path).report
    assert (report.kept, report.repeats) == (5, 3)
    assert any(note.startswith("3 of the 5 sequences kept repeat an earlier one") for note in report.notes())
