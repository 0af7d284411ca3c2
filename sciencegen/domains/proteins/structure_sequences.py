"""Sequences from structure files: the protein chains of a file as rows, or one of them as a wild type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.reading import item_marks, read_backbones
from sciencegen.domains.proteins.residue_atoms import UNKNOWN
from sciencegen.domains.proteins.structure_files import STRUCTURE_ENDINGS
from sciencegen.domains.proteins.structures import ProteinChain, read_chains, read_structure
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Row

STRUCTURE_FORMATS = (*STRUCTURE_ENDINGS, *(f"{ending}.gz" for ending in STRUCTURE_ENDINGS))
REMEDY = "Pass the sequence itself, or its FASTA file."


def chain_rows(path: Path) -> Iterator[Row]:
    """A row for each protein chain, such as `1abc_A` of `1abc.pdb`. Residues without coordinates are 'X', which `parse`
    refuses: a sequence without them would be another protein's. A file of designs has a row for each."""
    if item_marks(path):
        designs = enumerate(read_backbones(path), start=1)
        found = ((at, one.name, one.item) for at, one in designs)
        return (Row(at, item.sequence if isinstance(item, Backbone) else "", id=name) for at, name, item in found)
    stem, chains = path.name.split(".")[0], read_chains(path)
    return (Row(at, one.whole_sequence, id=f"{stem}_{one.report.chain}") for at, one in enumerate(chains, start=1))


def split_chain(source: str) -> tuple[Path, str | None] | None:
    """The file and the chain of `1abc.pdb` or `1abc.pdb:A`; None if it isn't a structure file."""
    name, colon, chain = source.rpartition(":")
    for path, asked in ((source, None), (name, chain)) if colon else ((source, None),):
        if path.lower().endswith(STRUCTURE_FORMATS) and Path(path).is_file():
            return Path(path), asked
    return None


def named_chain(source: str) -> ProteinChain:
    """The chain of `1abc.pdb:A`, or the first one of `1abc.pdb`; a ConfigError if it isn't a structure file."""
    place = split_chain(source)
    if place is None:
        raise ConfigError(f"Expected a structure file (.pdb, .cif), got '{source}', which is none. Correct its path.")
    return read_structure(*place)


def chain_reference(path: Path, chain: str | None) -> Reference:
    """A chain as a wild type, with the file's numbering.

    Raises a DataError if chains differ and none is named, if residues are missing or unknown, or if numbers jump.
    """
    if chain is None:
        _check_alike(read_chains(path), path)
    found = read_structure(path, chain)
    if UNKNOWN in found.whole_sequence:
        gaps = "; ".join(map(str, found.gaps[:3])) or "residues that are none of the 20"
        raise DataError(f"Expected a whole chain as the wild type in {path}, found gaps: {gaps}. {REMEDY}")
    numbers = [residue.number for residue in found.residues]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise DataError(f"Expected numbers that go up by one in {path}, found {found.labels[0]} to {found.labels[-1]} "
                        f"for {len(numbers)} residues. {REMEDY}")  # fmt: skip
    return Reference(found.sequence, numbers[0])


def _check_alike(chains: list[ProteinChain], path: Path) -> None:
    if len({chain.whole_sequence for chain in chains}) > 1:
        names = ", ".join(f"{chain.report.chain} ({len(chain.residues)} residues)" for chain in chains)
        raise DataError(f"Expected the name of a chain, found several that differ in {path}: {names}. "
                        f"Write {path}:{chains[0].report.chain}.")  # fmt: skip
