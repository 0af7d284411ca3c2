"""What commands write and read again: journals with `record`, archives with `fetch`, tables with `prepare`."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from random import Random

from sciencegen.api.record import record
from sciencegen.api.sources.preparation import prepare
from sciencegen.data.fetch import fetch
from sciencegen.data.tables import read_table
from sciencegen.errors import SciencegenError
from sciencegen.optimization.journal import read_journal
from tests.data.word_sources import MEMBERS, TEST, TRAIN, archive_source, card_with, tarred, zipped
from tests.fuzz.borders.items import source_of
from tests.fuzz.borders.molecules import MARKS, SMILES
from tests.fuzz.cases import Border, Found, Source
from tests.fuzz.mutations import damaged_bytes, damaged_gzip, damaged_zip

OLD = Path(__file__).parents[2] / "old_artefacts" / "0.1.0"
JOURNAL, PLATE = "campaign.csv", "plate.csv"
ROWS = [(smiles.encode(), b"", f",{at}.5\n".encode()) for at, smiles in enumerate(SMILES[:6])]


def journals() -> Mapping[str, Source]:
    plate = [(b"", smiles.encode(), f",{at}.5\n".encode()) for at, smiles in enumerate(SMILES[:6])]
    values = [(f"{smiles},".encode(), f"{at}.5".encode(), b"\n") for at, smiles in enumerate(SMILES[:6])]
    head = b"item,value\n"
    return {
        "journal": Source(JOURNAL, (OLD / "journal" / JOURNAL).read_bytes()),
        "plate": source_of(PLATE, plate, head=head, without=MARKS),
        "values": source_of(PLATE, values, head=head, without=MARKS),
    }


def copy_journal(folder: Path) -> None:
    shutil.copy(OLD / "journal" / JOURNAL, folder / JOURNAL)
    (folder / PLATE).write_bytes(b"item,value\n" + b"".join(map(b"".join, ROWS)))


def use_journal(path: Path, source: Source) -> Found:
    """Record a plate in a copy of the journal. What the journal held is kept; a refused table leaves no trace."""
    folder = path.parent
    work = folder / "work"
    work.mkdir()
    try:
        before = (folder / JOURNAL).read_bytes()
        (work / JOURNAL).write_bytes(before)
        try:
            found = record("molecules", work / JOURNAL, folder / PLATE, threads=1)
        except SciencegenError:
            assert [one.name for one in work.iterdir()] == [JOURNAL], "files beside the journal"
            assert (work / JOURNAL).read_bytes() == before, "the journal was changed by a command that failed"
            raise
        assert {one.name for one in work.iterdir()} <= {JOURNAL}
        journal, old = read_journal(work / JOURNAL), read_journal(folder / JOURNAL)
        assert journal.entries[: len(old.entries)] == old.entries, "entries of the journal were lost"
        rows = sum(1 for _ in read_table(folder / PLATE, ("item",)))
        counts = found.summary
        read = counts["recorded"] + counts["known"] + counts["unmeasured"]
        assert read + counts["refused"] == rows, (counts, rows)
        return Found(read, [reason for _, _, reason in found.refused])
    finally:
        shutil.rmtree(work)


def archives() -> Mapping[str, Source]:
    members = {MEMBERS["train"]: gzip.compress(TRAIN, mtime=0), MEMBERS["test"]: TEST}
    packed = {"w": "a.tar", "w:gz": "a.tar.gz", "w:xz": "a.tar.xz", "w:bz2": "a.tar.bz2"}
    found = {name: Source(name, tarred(members, mode), mutate=damaged_tar) for mode, name in packed.items()}
    return found | {
        "a.zip": Source("a.zip", zipped(members), mutate=lambda content, _, chooser: damaged_zip(content, chooser))
    }


def damaged_tar(content: bytes, name: str, chooser: Random) -> bytes:
    """Bytes of the file; or members with odd names, kinds and contents."""
    if chooser.random() < 0.5:
        return damaged_bytes(content, chooser)
    buffer = io.BytesIO()
    mode = {"tar": "w", "gz": "w:gz", "xz": "w:xz", "bz2": "w:bz2"}[name.rsplit(".", 1)[1]]
    names = [
        *MEMBERS.values(),
        chooser.choice(("../x", "/x", "a/../../x", "words", "x" * 300, "\u202e", "C:/x", "a\nb")),
    ]
    kinds = (
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.DIRTYPE,
        tarfile.GNUTYPE_SPARSE,
    )
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for one in chooser.sample(names, chooser.randint(1, 3)):
            inside = {MEMBERS["train"]: gzip.compress(TRAIN, mtime=0), MEMBERS["test"]: TEST}.get(one, b"x")
            inside = damaged_gzip(TRAIN, chooser) if chooser.random() < 0.3 else inside
            info = tarfile.TarInfo(one)
            info.size = len(inside)
            if chooser.random() < 0.3:
                info.type, info.linkname, info.size = (
                    chooser.choice(kinds),
                    chooser.choice(("/etc/passwd", "../x", one)),
                    0,
                )
            archive.addfile(info, io.BytesIO(inside))
    return buffer.getvalue()


def use_archive(path: Path, source: Source) -> Found:
    """Fetch an archive whose checksum is that of the damaged file, so that it is unpacked."""
    folder = path.parent
    cards, cache = folder / "cards", folder / "cache"
    try:
        card = card_with(cards, archive_source(path.as_uri(), path.read_bytes()))
        try:
            place = fetch(card, cache, offline=True)
        except SciencegenError:
            assert not [one for one in cache.rglob("*") if one.is_file()], "files of a refused archive"
            raise
        for name, content in (("train.csv", TRAIN), ("test.csv", TEST)):
            written = (place / name).read_bytes()
            assert hashlib.sha256(written).digest() == hashlib.sha256(content).digest()
        return Found(2)
    finally:
        shutil.rmtree(cards, ignore_errors=True)
        shutil.rmtree(cache, ignore_errors=True)


def tables() -> Mapping[str, Source]:
    rows = [(b"", smiles.encode(), f",{at}.5,n{at}\n".encode()) for at, smiles in enumerate(SMILES)]
    lines = [(b"", smiles.encode(), b"\n") for smiles in SMILES]
    return {
        "csv": source_of("a.csv", rows, head=b"smiles,logp,id\n", without=MARKS),
        "csv.gz": source_of("a.csv.gz", rows, head=b"smiles,logp,id\n", without=MARKS),
        "smi": source_of("a.smi", lines, without=(b"\n", b"\r")),
    }


def use_table(path: Path, source: Source) -> Found:
    """Prepare a table: each row is usable, a duplicate or refused; a refused file leaves no folder."""
    output = path.parent / "out"
    try:
        try:
            data = prepare("molecules", output, source=str(path), properties=["qed"], threads=1)
        except SciencegenError:
            assert not output.exists(), "a folder of a refused file"
            raise
        counts = data.summary["counts"]
        assert counts["rows"] == counts["usable"] + counts["refused"] + counts["duplicates"], counts
        reasons = [row.cells["reason"] for row in read_table(data.rejects_path, ("item",), with_cells=True)]
        assert len(reasons) == counts["refused"], (len(reasons), counts)
        return Found(counts["usable"] + counts["duplicates"], reasons)
    finally:
        shutil.rmtree(output, ignore_errors=True)


BORDERS = (
    Border("journals", journals, use_journal, copy_journal, 0.04),
    Border("archives", archives, use_archive, share=0.05),
    Border("prepare", tables, use_table, share=0.05),
)
