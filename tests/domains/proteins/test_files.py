"""Files of proteins: every record is seen, whatever is in it; what is written is read back."""

import gzip
import tracemalloc

import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import ConfigError, DataError


@pytest.mark.parametrize("name", ["out.fasta", "out.fa", "out.faa.gz"])
def test_fasta_goes_out_and_in(tmp_path, proteins, name):
    path, again = tmp_path / name, tmp_path / f"again_{name}"
    names = [f"p{number}" for number in range(len(proteins))]
    values = {"fitness": [number / 7 for number in range(len(proteins))], "gravy": [None, float("nan"), *[1e-9] * 59]}
    for target in (path, again):
        DOMAIN.items.write(target, proteins, names, values)
    assert path.read_bytes() == again.read_bytes()
    rows = list(DOMAIN.items.read(path))
    assert [DOMAIN.items.parse(row.text) for row in rows] == proteins
    assert [row.id for row in rows] == names
    assert [row.values["fitness"] for row in rows] == pytest.approx(values["fitness"], rel=1e-5)
    assert [row.values.get("gravy") for row in rows] == [None, None, *values["gravy"][2:]]


def test_lines_go_out_and_in(tmp_path, proteins):
    path = tmp_path / "out.txt"
    DOMAIN.items.write(path, proteins[:2], ["first one", ""], {})
    assert path.read_text() == f"{proteins[0]} first one\n{proteins[1]}\n"
    assert [(row.text, row.id) for row in DOMAIN.items.read(path)] == [(proteins[0], "first one"), (proteins[1], "")]


def test_records_keep_their_lines_and_names(tmp_path):
    path = tmp_path / "in.fasta"
    path.write_bytes(b"\xef\xbb\xbf>one a b=2 c=x d=nan\r\nMKV\r\nla*\r\n\r\n>\nMK\n>three\n> spaced x=1\nM K\n")
    rows = list(DOMAIN.items.read(path))
    assert [(row.line, row.id, row.text) for row in rows] == [
        (1, "one", "MKVla*"), (5, "", "MK"), (7, "three", ""), (8, "", "M K"),
    ]  # fmt: skip
    assert [dict(row.values) for row in rows] == [{"b": 2.0}, {}, {}, {"x": 1.0}]
    assert DOMAIN.items.parse(rows[0].text) == "MKVLA"
    assert DOMAIN.items.parse(rows[2].text).reason == "empty"


def test_taxa_and_versions_of_databases_are_no_measurements(tmp_path):
    path = tmp_path / "in.fasta"
    path.write_text(
        ">sp|P62593|BLAT_ECOLX Beta-lactamase OS=Escherichia coli OX=562 GN=bla PE=1 SV=1\nMKV\n"
        ">UniRef100_A0 Beta-lactamase n=3 Tax=Bacteria TaxID=2 RepID=A0_BAC Kd=2e-9\nMKV\n"
    )
    assert [row.values for row in DOMAIN.items.read(path)] == [{}, {"Kd": 2e-9}]
    assert [row.id for row in DOMAIN.items.read(path)] == ["sp|P62593|BLAT_ECOLX", "UniRef100_A0"]


def test_a_huge_record_is_one_refused_row(tmp_path):
    path = tmp_path / "in.fasta"
    path.write_text(">a\nMKV\n>b\n" + "A" * 3_000_000 + "\n>c\n" + "MKVLA\n" * 100_000 + ">d\nMK\n")
    rows = list(DOMAIN.items.read(path))
    assert [row.id for row in rows] == ["a", "b", "c", "d"]
    assert all("at most 10000" in DOMAIN.items.parse(row.text).reason for row in rows[1:3])
    assert max(len(row.text) for row in rows) < 50_000
    assert rows[3].text == "MK"


def test_tables_find_the_sequence_column_in_any_case(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("Mutant,Mutated_Sequence,score\nA1G,MKV,1.5\nA2G,MKA,2\n")
    assert [(row.text, row.values["score"]) for row in DOMAIN.items.read(path)] == [("MKV", 1.5), ("MKA", 2.0)]


def test_gzip_is_told_by_its_bytes_and_damage_is_said(tmp_path):
    path = tmp_path / "in.fasta.gz"
    path.write_bytes(gzip.compress(b">a\nMKV\n"))
    assert [row.text for row in DOMAIN.items.read(path)] == ["MKV"]
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(DataError, match="gzip"):
        list(DOMAIN.items.read(path))


def test_wrong_files_are_explained(tmp_path):
    with pytest.raises(ConfigError, match="a2m"):
        DOMAIN.items.read(tmp_path / "a.a2m")
    with pytest.raises(DataError, match="nothing"):
        DOMAIN.items.read(tmp_path / "missing.fasta")
    (tmp_path / "empty.fasta").touch()
    with pytest.raises(DataError, match="empty"):
        DOMAIN.items.read(tmp_path / "empty.fasta")
    (tmp_path / "blank.fasta").write_text("\n \n")
    with pytest.raises(DataError, match="blank lines"):
        DOMAIN.items.read(tmp_path / "blank.fasta")
    (tmp_path / "lines.fasta").write_text("MKV\nMKA\n")
    with pytest.raises(DataError, match=r"found 'MKV'\. Name it \.txt"):
        DOMAIN.items.read(tmp_path / "lines.fasta")
    with pytest.raises(ConfigError, match=r"\.fasta"):
        DOMAIN.items.write(tmp_path / "out.pdb", [], [], {})


def test_fields_hold_each_line_of_a_record(tmp_path, proteins):
    path = tmp_path / "out.fasta"
    DOMAIN.items.write(path, proteins[:3], ["a", "b", "c"], {"fitness": [0.5, None, 1.0]})
    found = list(DOMAIN.items.fields(path))
    assert [one.get("fitness") for one in found] == ["0.5", None, "1"]
    words = [" ".join([one["name"], *(f"{key}={one[key]}" for key in one if key == "fitness")]) for one in found]
    assert path.read_text() == "".join(f"{word}\n{one['sequence']}\n" for word, one in zip(words, found, strict=True))
    assert DOMAIN.items.fields(tmp_path / "out.txt") is None


def test_blank_lines_of_a_record_are_not_kept(tmp_path):
    (tmp_path / "a.fasta").write_text(">a\nMK\n" + "\n" * 300_000 + "VL\n")
    tracemalloc.start()
    (row,) = DOMAIN.items.read(tmp_path / "a.fasta")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert row.text == "MKVL"
    assert peak < 3 << 19


def test_values_of_headers_that_are_no_number_are_told(tmp_path):
    path = tmp_path / "in.fasta"
    headers = ["kd=1.5", "kd=>5", "kd=n.d.", "kd=1 kd=2", "kd=1 kd=1", "kd=1_0", "kd="]
    path.write_text("".join(f">p {header}\nMKV\n" for header in headers))
    rows = list(DOMAIN.items.read(path))
    assert [row.values for row in rows] == [{"kd": 1.5}, {}, {}, {}, {"kd": 1.0}, {}, {}]
    assert [row.unread.get("kd") for row in rows] == [None, ">5", "n.d.", "1; 2", None, "1_0", None]


def test_samples_of_proteinmpnn_have_the_name_of_their_design(tmp_path):
    path = tmp_path / "seqs.fa"
    path.write_text(
        ">design_0, score=1.6, designed_chains=[A], seed=37\nMKV\n>T=0.1, sample=2, score=0.7\nMKL\n"
        ">lig, T=0.1, seed=1\nMKV\n>lig, id=1, T=0.1\nMKI\n>P1 kinase, score=3\nMKV\n"
    )
    rows = list(DOMAIN.items.read(path, None))
    assert [row.id for row in rows] == ["design_0", "design_0-2", "lig", "lig-1", "P1"]
    assert rows[1].values == {"T": 0.1, "score": 0.7}
