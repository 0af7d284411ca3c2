"""Files of molecules: every row is seen, whatever is in it; what is written is read back."""

import gzip

import pytest

from sciencegen.api.science import domain_of
from sciencegen.domains import load_domain
from sciencegen.domains.molecules import DOMAIN
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Origin

MOLFILE = "\n  x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 {}   0  0\nM  END\n"


def test_smi_rows_keep_their_line_numbers(tmp_path):
    path = tmp_path / "in.smi"
    path.write_bytes(b"\xef\xbb\xbfCCO ethanol\r\n\nc1ccccc1\tbenzene ring\n  CN\nC\xff\nC1CC")
    rows = list(DOMAIN.items.read(path))
    assert [(row.line, row.text) for row in rows[:4]] == [(1, "CCO"), (2, ""), (3, "c1ccccc1"), (4, "CN")]
    assert [row.id for row in rows[:4]] == ["ethanol", "", "benzene ring", ""]
    assert "not allowed" in DOMAIN.items.parse(rows[4].text).reason
    assert rows[5].text == "C1CC"


def test_a_cxsmiles_extension_is_not_dropped_in_silence(tmp_path):
    path = tmp_path / "in.smi"
    path.write_text("CC |^1:0| ethyl\nC[C@H](F)Cl\t|o1:1|\nCCO a|b|\n")
    rows = list(DOMAIN.items.read(path))
    assert [row.text for row in rows] == ["CC |^1:0| ethyl", "C[C@H](F)Cl |o1:1|", "CCO"]
    assert all("CXSMILES" in DOMAIN.items.parse(row.text).reason for row in rows[:2])


def test_a_huge_line_is_one_refused_row(tmp_path):
    path = tmp_path / "in.smi"
    path.write_text("CCO\n" + "C" * 5_000_000 + "\nCCN\n")
    rows = list(DOMAIN.items.read(path))
    assert [row.line for row in rows] == [1, 2, 3]
    assert "characters" in DOMAIN.items.parse(rows[1].text).reason
    assert rows[2].text == "CCN"


def test_gzipped_smi(tmp_path):
    path = tmp_path / "in.smi.gz"
    path.write_bytes(gzip.compress(b"CCO\nCCN\n"))
    assert [row.text for row in DOMAIN.items.read(path)] == ["CCO", "CCN"]
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(DataError, match="gzip"):
        list(DOMAIN.items.read(path))


def test_sdf_goes_out_and_in(tmp_path, drugs):
    path, again = tmp_path / "out.sdf", tmp_path / "again.sdf"
    molecules = [drugs[0], drugs[1], drugs[4]]
    values = {"qed": [0.5, None, 0.25], "note": ["two\nlines", "", "x"]}
    DOMAIN.items.write(path, molecules, ["a", "b", "c"], values)
    DOMAIN.items.write(again, molecules, ["a", "b", "c"], values)
    assert path.read_bytes() == again.read_bytes()
    assert ">  <structure>\nETKDGv3 + MMFF94" in path.read_text()
    rows = list(DOMAIN.items.read(path))
    assert [(row.line, row.id) for row in rows] == [(1, "a"), (2, "b"), (3, "c")]
    assert [DOMAIN.items.key(DOMAIN.items.parse(row.text)) for row in rows] == [
        DOMAIN.items.key(molecule) for molecule in molecules
    ]
    assert [row.values for row in rows] == [{"qed": 0.5}, {}, {"qed": 0.25}]


def test_a_structure_says_how_many_stereocentres_it_had_to_choose(tmp_path, drugs):
    path = tmp_path / "out.sdf"
    DOMAIN.items.write(path, [drugs[2], drugs[0]], ["ibuprofen", "aspirin"], {})
    assert [row.values for row in DOMAIN.items.read(path)] == [{"stereocentres_chosen": 1.0}, {}]


def test_a_bad_sdf_record_does_not_stop_the_file(tmp_path, drugs):
    good, path = tmp_path / "good.sdf", tmp_path / "in.sdf"
    DOMAIN.items.write(good, drugs[:1], ["a"], {})
    record = good.read_text()
    huge = "huge\n\n\n999  0  0  0  0  0  0  0  0  0999 V2000\n$$$$\n"
    path.write_text(record + "broken\n\n\nnonsense\n$$$$\n" + huge + record)
    rows = list(DOMAIN.items.read(path))
    assert [row.line for row in rows] == [1, 2, 3, 4]
    assert DOMAIN.items.parse(rows[1].text).reason.startswith("unreadable molfile record")
    assert "999 atoms" in DOMAIN.items.parse(rows[2].text).reason
    assert rows[0].text == rows[3].text


def test_smi_goes_out(tmp_path, drugs):
    path = tmp_path / "out.smi"
    DOMAIN.items.write(path, drugs[:2], ["first one", ""], {})
    assert path.read_text() == f"{DOMAIN.items.text(drugs[0])} first one\n{DOMAIN.items.text(drugs[1])}\n"


def test_tables_find_the_smiles_column_in_any_case(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("SMILES,y\nCCO,1.5\nCCN,2\n")
    rows = list(DOMAIN.items.read(path))
    assert [(row.text, row.values["y"]) for row in rows] == [("CCO", 1.5), ("CCN", 2.0)]


def test_wrong_files_are_explained(tmp_path):
    with pytest.raises(ConfigError, match="xyz"):
        DOMAIN.items.read(tmp_path / "a.xyz")
    with pytest.raises(DataError, match="nothing"):
        DOMAIN.items.read(tmp_path / "missing.smi")
    (tmp_path / "empty.sdf").touch()
    with pytest.raises(DataError, match="empty"):
        DOMAIN.items.read(tmp_path / "empty.sdf")
    with pytest.raises(ConfigError, match=r"\.sdf"):
        DOMAIN.items.write(tmp_path / "out.mol2", [], [], {})


@pytest.mark.parametrize("ending", [".smi.gz", ".sdf.gz"])
def test_gzipped_files_go_out_and_in(tmp_path, drugs, ending):
    path = tmp_path / f"out{ending}"
    DOMAIN.items.write(path, drugs[:2], ["a", "b"], {"x": [12.0, 0.5]})
    with gzip.open(path, "rt") as file:
        text = file.read()
    assert ending.startswith(".smi") or ">  <x>\n12\n" in text  # a whole number is written as one
    assert [DOMAIN.items.key(DOMAIN.items.parse(row.text)) for row in DOMAIN.items.read(path)] == [
        DOMAIN.items.key(one) for one in drugs[:2]
    ]


def test_what_is_left_out_is_told_and_coordinates_have_points_too(tmp_path, drugs):
    form = load_domain("molecules/structures")
    assert "salts" in DOMAIN.items.left_out("CCO.Cl")
    assert DOMAIN.items.left_out("CCO") == ""
    form.items.write(tmp_path / "a.sdf", drugs[:1], ["a"], {})
    (row,) = form.items.read(tmp_path / "a.sdf")
    assert "." in row.text
    assert form.items.left_out(row.text) == form.items.left_out("1\n\nC 0.0 0.0 0.0\n") == ""


def test_a_structure_that_a_model_drew_says_so(tmp_path, drugs):
    from sciencegen.api.writing.writer import OutputOptions, open_output

    form = load_domain("molecules/structures")
    form.items.write(tmp_path / "a.sdf", drugs[:1], ["a"], {})
    (row,) = form.items.read(tmp_path / "a.sdf")
    drawn, scored = Origin("generate", "my-model"), Origin("score", made=False)
    for name, origin, told in (("m.sdf", drawn, "by my-model"), ("s.sdf", scored, "given"), ("g.sdf", None, "given")):
        with open_output(
            "molecules/structures", str(tmp_path / name), ["item"], OutputOptions(origin=origin)
        ) as writer:
            writer.write({"item": [row.text]})
        assert told in (tmp_path / name).read_text().split("<structure>\n")[1].split("\n")[0]


@pytest.mark.parametrize("name", ["a.sdf", "a.sdf.gz"])
def test_fields_hold_each_line_of_a_record(tmp_path, name):
    items = [DOMAIN.items.parse(text) for text in ("CCO", "c1ccccc1O")]
    DOMAIN.items.write(tmp_path / name, items, ["first one", "2"], {"qed": [0.25, None], "route": ["a > b", "c"]})
    content = (tmp_path / name).read_bytes()
    records = (gzip.decompress(content) if name.endswith(".gz") else content).decode().split("$$$$\n")
    found = list(DOMAIN.items.fields(tmp_path / name))
    assert len(found) == len(records) - 1 == 2
    for fields, record in zip(found, records, strict=False):
        tags = "".join(f">  <{tag}>\n{text}\n" for tag, text in [*fields.items()][2:])
        assert "\n".join([*[*fields.values()][:2], tags]) == record
    assert found[0].keys() - found[1].keys() == {"qed"}
    assert DOMAIN.items.fields(tmp_path / "a.smi") is None


def test_tags_that_are_no_number_are_told(tmp_path):
    path = tmp_path / "in.sdf"
    tags = [">  <kd>\n1.5\n", ">  <kd>\n>5\n", ">  <kd>\nnan\n", ">  <kd>\n2\n3\n", ">  <kd>\n2\n\n>  <kd>\n9\n"]
    path.write_text("".join(f"{MOLFILE.format('C')}{tag}\n$$$$\n" for tag in tags))
    rows = list(DOMAIN.items.read(path))
    assert [row.values for row in rows] == [{"kd": 1.5}, {}, {}, {}, {}]
    assert [row.unread.get("kd") for row in rows] == [None, ">5", "nan", "2 3", "2; 9"]


@pytest.mark.parametrize("end", [" $$$$", "$$$$ next", "$$$$"])
def test_records_are_parted_by_every_spelling_of_their_end(tmp_path, end):
    path = tmp_path / "in.sdf"
    path.write_text(f"{MOLFILE.format('C')}{end}\n{MOLFILE.format('N')}{end}\n")
    assert [row.text for row in DOMAIN.items.read(path)] == ["C", "N"]


@pytest.mark.parametrize("form", ["molecules", "molecules/structures"])
def test_molecules_without_an_end_between_them_are_refused(tmp_path, form):
    path = tmp_path / "in.sdf"
    path.write_text(f"{MOLFILE.format('C')}{MOLFILE.format('N')}$$$$\n{MOLFILE.format('O')}$$$$\n")
    science = domain_of(form)
    first, second = science.items.read(path)
    assert "several molecules" in science.items.parse(first.text).reason
    assert "several" not in second.text
