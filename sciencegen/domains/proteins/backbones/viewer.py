"""PDB records for viewers, with the helices and strands that are measured, so that no viewer finds others."""

from __future__ import annotations

from collections.abc import Iterator

from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.ribbon import drawn_runs
from sciencegen.domains.proteins.backbones.secondary_structure import HELIX, STRAND, Run, secondary_structure
from sciencegen.domains.proteins.backbones.writing import name_of, pdb_lines, pdb_numbers, split_label

RIGHT_HANDED_ALPHA = 1
"""Class of helices in PDB files."""
END = "END\n"
"""3Dmol 2.5.5 discards HELIX and SHEET at a line that is nothing but END, and assigns others."""
MOST_NUMBERED = 999
"""Greatest serial number that the columns hold."""


def viewer_record(item: Backbone) -> str:
    """One item as PDB text, with HELIX and SHEET records."""
    atoms = "".join(pdb_lines([item], [item.name])).removesuffix(END)
    return "".join(secondary_records(item)) + atoms


def secondary_records(item: Backbone) -> Iterator[str]:
    """A HELIX record for each helix, and a SHEET record for each strand, as a sheet of its own."""
    runs = drawn_runs(secondary_structure(item.coordinates))
    for serial, run in _numbered(runs, HELIX):
        first, last = (_residue(item, index, " ") for index in (run.start, run.stop - 1))
        yield f"HELIX  {serial:>3} {serial:>3} {first} {last}{RIGHT_HANDED_ALPHA:>2}{'':30} {run.stop - run.start:>5}\n"
    for serial, run in _numbered(runs, STRAND):
        first, last = (_residue(item, index, "") for index in (run.start, run.stop - 1))
        yield f"SHEET    1 {serial:>3} 1 {first} {last} 0\n"


def _numbered(runs: list[Run], state: str) -> Iterator[tuple[int, Run]]:
    return enumerate([run for run in runs if run.state == state][:MOST_NUMBERED], 1)


def _residue(item: Backbone, index: int, gap: str) -> str:
    """Name, chain, number and insertion code in columns. gap: between chain and number."""
    number, insertion = split_label(pdb_numbers(item)[index])
    return f"{name_of(item.sequence[index])} {item.chain[:1]}{gap}{number:>4}{insertion:1}"
