"""Files with the line ends of old Macs (CR), of Windows and of Unix are read as the same items, by every reader."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from random import Random

import pytest

from sciencegen.api.science import domain_of, reference_of
from sciencegen.api.score_variants import variant_rows
from sciencegen.data.damage import BLOCK, with_line_feeds
from sciencegen.domains.proteins.variants import ProteinVariantNames
from sciencegen.optimization.journal import Entry, append, read_journal
from tests.domains.proteins.example_structures import cif, pdb, peptide

ENDS = {"mac": b"\r", "windows": b"\r\n"}
MOLFILE = "\n  x\n\n  2  1  0  0  0  0  0  0  0  0999 V2000\n" + "".join(
    f"    {x}.0000    0.0000    0.5000 {atom}   0  0\n" for x, atom in enumerate("CO")
) + "  1  2  1  0\nM  END\n>  <x>\n3\n\n$$$$\n"  # fmt: skip
XYZ = "5\nmethane\nC 0 0 0\nH 0.63 0.63 0.63\nH -0.63 -0.63 0.63\nH -0.63 0.63 -0.63\nH 0.63 -0.63 -0.63\n"
PEPTIDE = peptide("ACDEFGHIKLMN")
TEXTS = {
    "molecules": {
        "a.smi": "CCO one\nCCC two\n", "a.csv": 'smiles,value,note\nCCO,1,"a ""b"""\n\nCCC,2,\n', "a.sdf": MOLFILE * 2,
        "a.smi.gz": "CCO one\nCCC two\n",
    },
    "molecules/structures": {"a.xyz": XYZ * 2, "a.sdf": MOLFILE},
    "proteins": {
        "a.fasta": ">one x=2\nACDE\nFGHI\n>two\nKLMN\n", "a.txt": "ACDEF one\nGHIKL two\n", "a.pdb": pdb(PEPTIDE),
        "a.cif": cif(PEPTIDE), "a.fa.gz": ">one\nACDE\n",
    },
    "proteins/structures": {"a.pdb": pdb(PEPTIDE), "a.cif": cif(PEPTIDE)},
    "proteins/aligned": {"a.a2m": ">one\nACDE\n>two\nAC-E\n", "a.sto": "# STOCKHOLM 1.0\none ACDE\ntwo AC-E\n//\n"},
    "galaxies": {"a.csv": "item,flux\nnone.fits,1\nmore.fits,2\n", "a.txt": "none.fits\nmore.fits\n"},
}  # fmt: skip
FILES = [(domain, name) for domain, texts in TEXTS.items() for name in texts]


def written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder / name


def found_in(domain: str, path: Path) -> list[tuple[object, ...]]:
    items = domain_of(domain).items
    rows = list(items.read(path, None))
    return [(row.line, row.id, row.text, dict(row.values), type(items.parse(row.text))) for row in rows]


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(("domain", "name"), FILES)
def test_line_ends_don_t_change_items(tmp_path, domain, name, ends):
    content = TEXTS[domain][name].encode()
    expected = found_in(domain, written(tmp_path, name, content))
    assert expected
    assert found_in(domain, written(tmp_path, name, content.replace(b"\n", ENDS[ends]))) == expected


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("name", ["v.csv", "v.txt"])
def test_line_ends_don_t_change_variants(tmp_path, name, ends):
    content = {"v.csv": b"mutant,x\nM1A,1\nK2G,2\n", "v.txt": b"M1A\nK2G\n"}[name]
    science = domain_of("proteins")
    names = ProteinVariantNames(reference_of(science, "MKTAYIAKQR"))
    for text in (content, content.replace(b"\n", ENDS[ends])):
        rows = variant_rows(str(written(tmp_path, name, text)), names, science, None)
        assert [row.text for row in rows] == ["M1A", "K2G"]


def test_a_journal_that_an_editor_has_saved_keeps_its_lines(tmp_path):
    path = tmp_path / "journal.csv"
    append(path, [Entry(1, "CCO", "measured", value=2.0, name="a"), Entry(1, "CCC", "proposed", name="b")])
    before = read_journal(path).entries
    assert len(before) == 2
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r"))
    assert read_journal(path).entries == before
    append(path, [Entry(2, "CCN", "proposed", name="c")])
    assert len(read_journal(path).entries) == 3
    assert [one.name for one in tmp_path.iterdir()] == ["journal.csv"]


def test_any_blocks_of_any_line_ends_become_lines():
    for seed in range(200):
        chooser = Random(seed)
        parts = [chooser.choice((b"a", b"\r", b"\r\n", b"", b"bc" * chooser.randrange(100))) for _ in range(60)]
        content = b"first\rsecond" + b"".join(parts)
        content = content.replace(b"\n", b"") if chooser.random() < 0.5 else b"x" * 50 + b"\r" + b"y" * BLOCK + content
        expected = content.decode().replace("\r\n", "\n").replace("\r", "\n").encode()
        assert with_line_feeds(io.BufferedReader(Slow(content, chooser), BLOCK)).read() == expected, seed


class Slow(io.RawIOBase):
    """A stream that gives what it has in parts."""

    def __init__(self, content: bytes, chooser: Random) -> None:
        self._content, self._chooser = io.BytesIO(content), chooser
        self._first = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        size = min(len(buffer), 60 if self._first else self._chooser.choice((1, 2, 7, 1000)))
        self._first = False
        block = self._content.read(size)
        buffer[: len(block)] = block
        return len(block)
