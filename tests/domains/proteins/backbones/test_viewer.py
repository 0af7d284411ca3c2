"""Records for viewers: helices and strands in their columns, as they are measured."""

from dataclasses import replace

from sciencegen.domains.proteins.backbones.geometry import secondary_structure
from sciencegen.domains.proteins.backbones.items import backbone
from sciencegen.domains.proteins.backbones.render import drawn_runs, viewer_record
from tests.domains.proteins.backbones.examples import built, helix
from tests.domains.proteins.backbones.real import committed


def columns(line, *spans):
    """Texts of columns, numbered from 1 as in the PDB's documentation."""
    return [line[first - 1 : last].strip() for first, last in spans]


def test_a_helix_has_its_record():
    item = replace(backbone(helix(20)), numbers=tuple(str(number) for number in range(101, 121)), chain="B")
    structure = secondary_structure(item.coordinates)
    first, last = structure.index("H"), structure.rindex("H")
    lines = viewer_record(item).splitlines()
    found = columns(lines[0], (1, 6), (8, 10), (12, 14), (16, 18), (20, 20), (22, 25), (26, 26))
    assert found == ["HELIX", "1", "1", "UNK", "B", str(101 + first), ""]
    ends = columns(lines[0], (28, 30), (32, 32), (34, 37), (38, 38), (39, 40), (72, 76))
    assert ends == ["UNK", "B", str(101 + last), "", "1", str(last - first + 1)]


def test_each_strand_has_its_record_with_insertion_codes():
    item = committed(1)[0]
    runs = [run for run in drawn_runs(secondary_structure(item.coordinates)) if run.state == "E"]
    numbers = [str(number) for number in range(1, len(item) + 1)]
    numbers[runs[0].start] = f"{numbers[runs[0].start]}A"
    sheets = [line for line in viewer_record(replace(item, numbers=tuple(numbers))).splitlines() if "SHEET" in line]
    assert len(sheets) == len(runs)
    for line, run in zip(sheets, runs, strict=True):
        start, code, stop = columns(line, (23, 26), (27, 27), (34, 37))
        assert (int(start), int(stop)) == (run.start + 1, run.stop)
        assert code == ("A" if run is runs[0] else "")
        assert columns(line, (18, 20), (22, 22), (33, 33))[1:] == [item.chain, item.chain]


def test_a_coil_has_no_records_and_no_text_ends_in_a_bare_end():
    extended = built([(-120.0, 130.0)] * 20)
    text = viewer_record(extended)
    assert "HELIX" not in text
    assert "SHEET" not in text
    assert text.count(" CA ") == 20
    assert "END" not in text.splitlines()
