"""Files of proteins: sequences, tables, variants by name, alignments, structures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from sciencegen.api.science import domain_of, parse_texts, read_rows_of, reference_of
from sciencegen.domains.proteins.alignments import read_alignment
from sciencegen.domains.proteins.structures import read_chains
from tests.domains.proteins.example_structures import cif, pdb, peptide
from tests.fuzz.borders.items import check_row, found_of, lines, read_items, source_of
from tests.fuzz.borders.molecules import BREAKS, MARKS
from tests.fuzz.cases import Border, Found, Source
from tests.fuzz.mutations import damaged_bytes

SEQUENCE = "ACDEFGHIKLMNPQRSTVWY"
SEQUENCES = [SEQUENCE[at:] + SEQUENCE[:at] for at in range(12)]
WILD_TYPE = "MKTAYIAKQR"
VARIANTS = ["M1A", "K2G", "T3S:A4G", "p.Tyr5Phe", "A4=", "R10K", "K2A,T3G", "wt", "Q9E", "I6L;A7V"]
ODD_VARIANTS = (
    b"M1", b"R10-", b"1A", b"M0A", b"M99A", b"K1A", b"M1*", b"M1X", b"M1A:M1G", b":", b"M1A:", b"m1a",
    b"p.Met1Ala", b"p.(Met1Ala)", b"M1del", b"M1_K2insG", b"M" + b"1" * 5000 + b"A", b"M-1A",
    b"M1.5A", b"MKTAYIAKQR", b"M1AA",
    "M１A".encode(), b"M1A M1A", b"_wt", b"WT:M1A", b"c.1A>G", b"=", b"p.=", b"nan", b"M1A/K2G",
)  # fmt: skip
ROWS = ["ACDEFGHIKL", "ACDEFGHIKM", "AC-EFGHIKL", "--DEFGHIKL", "ACDEFGH---", "SCDEYGHIKL"]
ALIGNED = "aligned"


def chains(write: str) -> list[str]:
    """Three chains, each as the lines of its atoms."""
    whole = [line for at, chain in enumerate("ABC") for line in peptide("ACDEFGH", chain=chain, start=100.0 * at)]
    alternates = [replace(line, alternate=label, occupancy=0.5) for line in whole[:6] for label in "AB"] + whole[6:]
    return (pdb(alternates) if write == "pdb" else cif(alternates)).splitlines(keepends=True)


def structure(name: str, write: str) -> Source:
    """A structure file. One spoilt atom leaves the other chains."""
    found = chains(write)
    atoms = [at for at, line in enumerate(found) if line.startswith("ATOM")]

    def spoil(chooser: Random) -> bytes:
        at = chooser.choice(atoms)
        line = damaged_bytes(found[at].rstrip("\n").encode(), chooser).replace(b"\n", b"").replace(b"\r", b"")
        return "".join(found[:at]).encode() + line + b"\n" + "".join(found[at + 1 :]).encode()

    return Source(name, "".join(found).encode(), 3, spoil, refusable=True, more="structure")


def make() -> Mapping[str, Source]:
    fasta, without = lines(SEQUENCES, ">name{} activity={}.5\n"), [b">"]
    rows, aligned = lines(SEQUENCES, after=",{}.5\n"), lines(ROWS, ">name{}\n")
    stockholm = lines(ROWS, "name{} ")
    headers = [(b">", f"name{at} activity={at}.5".encode(), f"\n{one}\n".encode()) for at, one in enumerate(SEQUENCES)]
    odd = tuple(
        one.encode()
        for one in ("", "*", "ACD*", "A-C", "acd", "ACDX", "A" * 70_000, "AC DE", "ACDÉ", "BJOUXZ", "1", "M*K")
    )
    how = {"more": ALIGNED, "refusable": True}
    return {
        "fasta": source_of("a.fasta", fasta, without=without, others=odd),
        "fa.gz": source_of("a.fa.gz", fasta, without=without, others=odd),
        "headers": source_of("b.fasta", headers, without=[b"\n", b"\n>"]),
        "txt": source_of("a.txt", lines(SEQUENCES, after=" name{}\n"), without=BREAKS, others=odd),
        "txt.gz": source_of("a.txt.gz", lines(SEQUENCES), without=BREAKS, others=odd),
        "csv": source_of("a.csv", rows, head=b"sequence,activity\n", without=MARKS, others=odd),
        "variants": source_of(
            "v.csv", lines(VARIANTS, '"', '",{}.5\n'), head=b"mutant,activity\n", without=[*BREAKS, b'"'],
            others=ODD_VARIANTS, more="variants",
        ),
        "a2m": source_of("a.a2m", aligned, without=[b">"], **how),
        "a3m.gz": source_of("a.a3m.gz", aligned, without=[b">"], **how),
        "sto": source_of("a.sto", stockholm, head=b"# STOCKHOLM 1.0\n", tail=b"//\n", without=BREAKS, **how),
        "pdb": structure("a.pdb", "pdb"),
        "cif": structure("a.cif", "cif"),
        "pdb.gz": structure("a.pdb.gz", "pdb"),
    }  # fmt: skip


def use(path: Path, source: Source) -> Found:
    if source.more == ALIGNED:
        found = read_alignment(path)
        assert found.report.records == len(found.rows) + len(found.dropped)
        read_items("proteins/aligned", path)
        return Found(len(found.rows), [reason for _, _, reason in found.dropped])
    if source.more == "variants":
        return variants(path)
    found = read_items("proteins", path)
    if source.more == "structure":
        read_chains(path)
    return found


@cache
def _reference() -> object:
    return reference_of(domain_of("proteins"), WILD_TYPE)


def variants(path: Path) -> Found:
    science, reference = domain_of("proteins"), _reference()
    rows = list(read_rows_of(science, path, None, reference))
    for row in rows:
        check_row(row)
    return found_of(parse_texts(science, [row.text for row in rows], reference))


BORDER = Border("proteins", make, use)
