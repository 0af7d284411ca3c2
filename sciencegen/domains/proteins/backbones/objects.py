"""Chains and structures of Biopython as backbones."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sciencegen.domains.capabilities import Objects
from sciencegen.domains.proteins.backbones.items import UNREADABLE, Backbone, text
from sciencegen.domains.proteins.backbones.reading import chain_item
from sciencegen.domains.proteins.backbones.writing import pdb_lines
from sciencegen.domains.proteins.residues import Selected, select_residues
from sciencegen.items import Refusal

if TYPE_CHECKING:
    from Bio.PDB.Chain import Chain
    from Bio.PDB.Structure import Structure


def backbone_text(given: object) -> str | None:
    """The text of a Chain, or of a Model or a Structure with one chain of amino acids; or of a `Backbone`."""
    if isinstance(given, Backbone):
        return text(given)
    chains = _chains(given)
    if chains is None:
        return None
    selected = {chain.id.strip() or "A": select_residues(chain) for chain in chains}
    found = {name: one for name, one in selected.items() if one.residues}
    item = _only(found)
    return f"{UNREADABLE} {item.reason}" if isinstance(item, Refusal) else text(item)


def is_object(given: object) -> bool:
    """Whether `backbone_text` has a text for it."""
    return isinstance(given, Backbone) or _chains(given) is not None


def _chains(given: object) -> list[Chain] | None:
    """The chains of an object of Biopython, of its first model; None for another object."""
    from Bio.PDB.Chain import Chain
    from Bio.PDB.Model import Model
    from Bio.PDB.Structure import Structure

    if isinstance(given, Structure):
        given = next(iter(given), Model(0))
    return [given] if isinstance(given, Chain) else list(given) if isinstance(given, Model) else None


def _only(chains: dict[str, Selected]) -> Backbone | Refusal:
    if len(chains) != 1:
        named = f": {', '.join(chains)}" if chains else ""
        return Refusal(f"{len(chains)} chains of amino acids{named}; pass one chain, such as structure[0]['A']")
    [(name, selected)] = chains.items()
    return chain_item(selected.residues, name)


def structure_of(item: Backbone) -> Structure:
    """The item as a Structure with all its chains."""
    from Bio.PDB.PDBParser import PDBParser

    lines = "".join(pdb_lines([item], []))
    return PDBParser(QUIET=True).get_structure(item.name or "backbone", io.StringIO(lines))


OBJECTS = Objects(kinds="chains and structures of Biopython", text=backbone_text, of=structure_of)
