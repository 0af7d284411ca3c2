"""Forward reactions as templates: which reactants they take, and what they give.

`reactions.tsv` has the names and SMARTS of 91 templates (Hartenfeller et al., J. Chem. Inf. Model. 2011, 51, 3093;
Button et al., Nat. Mach. Intell. 2019, 1, 307). A reactant's place in a template is a *slot*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from rdkit import Chem, rdBase
from rdkit.Chem import rdChemReactions

from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.screening import PatternScreen
from sciencegen.domains.molecules.synthesis.selectivity import clash, objection
from sciencegen.items import Refusal

LARGEST = 60
"""Heavy atoms of a product."""
MOST_MATCHES = 100
"""Products of one run that are looked at; further ones are taken as further products."""


class Slot(NamedTuple):
    """A place of a reactant: the reaction's index in `reactions()`, and the reactant's position."""

    reaction: int
    position: int


@dataclass(frozen=True, eq=False)
class Reaction:
    """A template with its index in the table. reactants: the pattern of each slot."""

    index: int
    name: str
    template: rdChemReactions.ChemicalReaction
    reactants: tuple[Chem.Mol, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The places of its reactants."""
        return tuple(Slot(self.index, position) for position in range(len(self.reactants)))

    def products(self, molecules: Sequence[Chem.Mol]) -> list[Chem.Mol]:
        """The distinct valid products, sorted by SMILES; other ones that RDKit can't sanitize are left out."""
        found: dict[str, Chem.Mol] = {}
        with rdBase.BlockLogs():
            for (made,) in self.template.RunReactants(tuple(molecules), MOST_MATCHES):
                product = _standard(made)
                if product is not None:
                    found.setdefault(text(product), product)
        return [found[smiles] for smiles in sorted(found)]

    def product(self, molecules: Sequence[Chem.Mol]) -> Chem.Mol | Refusal:
        """The product, if there is exactly one: a reaction of several places would give a mixture. Refused are also
        reactants that react with themselves, and products that do (`selectivity`)."""
        if refusal := objection(self.name, self.reactants, molecules):
            return refusal
        found = self.products(molecules)
        if len(found) != 1:
            return Refusal(f"{self.name} gives {len(found)} products")
        (product,) = found
        if product.GetNumHeavyAtoms() > LARGEST:
            return Refusal(f"{self.name} gives a molecule of more than {LARGEST} heavy atoms")
        if text(product) in map(text, molecules):
            return Refusal(f"{self.name} gives one of its reactants")
        return clash([product]) or product


def _standard(made: Chem.Mol) -> Chem.Mol | None:
    """A product as the molecule that its SMILES is read as; None if it isn't one valid molecule."""
    try:
        Chem.SanitizeMol(made)
    except (ValueError, RuntimeError):  # a valence that the template didn't foresee
        return None
    smiles = Chem.MolToSmiles(made)
    product = Refusal("several molecules") if "." in smiles else parse(smiles)
    return None if isinstance(product, Refusal) else product


@cache
def reactions() -> tuple[Reaction, ...]:
    """All templates, in the order of the table."""
    lines = files("sciencegen.domains.molecules.synthesis").joinpath("reactions.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")][1:]
    return tuple(_compiled(index, name, smarts) for index, (name, smarts) in enumerate(rows))


def _compiled(index: int, name: str, smarts: str) -> Reaction:
    with rdBase.BlockLogs():  # atoms of reagents have no partner in the product
        template = rdChemReactions.ReactionFromSmarts(smarts)
        template.Initialize()
    return Reaction(index, name, template, tuple(template.GetReactants()))


@cache
def reactions_by_name() -> dict[str, Reaction]:
    """Name -> reaction."""
    return {reaction.name: reaction for reaction in reactions()}


def slots_of(molecule: Chem.Mol) -> tuple[Slot, ...]:
    """The slots whose patterns the molecule has, in the order of the table."""
    slots, patterns, screen = _patterns()
    return tuple(
        slots[index] for index in sorted(screen.candidates(molecule)) if molecule.HasSubstructMatch(patterns[index])
    )


@cache
def _patterns() -> tuple[tuple[Slot, ...], tuple[Chem.Mol, ...], PatternScreen]:
    """Every slot, its pattern, and a screen of all patterns."""
    slots = tuple(slot for reaction in reactions() for slot in reaction.slots)
    patterns = tuple(pattern for reaction in reactions() for pattern in reaction.reactants)
    return slots, patterns, PatternScreen(patterns)
