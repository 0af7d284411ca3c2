"""Synthesis routes: a record of steps from building blocks to a molecule, its text, and its replay.

A route is written in one line, step by step, the last of which makes the molecule:

    acylation_nitrogen: CC(=O)O + NCc1ccc(Br)cc1 -> CC(=O)NCc1ccc(Br)cc1 | suzuki: OB(O)c1ccccc1 + CC... -> CC...

A step is the name of a template, its reactants in the template's order, and its product, all as SMILES. A reactant
that an earlier step makes is that step's product; every other one is a building block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdChemReactions

from sciencegen.domains.molecules.alerts import is_stable
from sciencegen.domains.molecules.features import fingerprints
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.patterns import PatternScreen
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

# Steps that would not work as a template writes them: reactants that react with themselves, and groups that clash.
#
# Templates describe the place of a reaction and say little about the rest of the molecules. These rules of thumb
# refuse what a chemist would have to protect. They say nothing of yields.

_AMINE = "[NX3;H1,H2;!$(N-[C,S,P]=[O,S,N]);!$(N-C#N)]"
_ALIPHATIC_AMINE = f"[$({_AMINE});!$(N-a)]"
_NUCLEOPHILE = f"[$({_AMINE}),$([OX2H]-[#6;!$(C=[O,S])]),$([SX2H])]"

CLASHES = {
    "an acyl halide": ("[CX3](=[O,S])[F,Cl,Br,I]", _NUCLEOPHILE),
    "a sulfonyl halide": ("[SX4](=O)(=O)[Cl,Br,I]", _NUCLEOPHILE),
    "an isocyanate or isothiocyanate": ("[#6][NX2]=[CX2]=[O,S]", _NUCLEOPHILE),
    "an aldehyde": ("[CX3H1](=O)[#6]", _ALIPHATIC_AMINE),
    "an alkyl halide": ("[CX4;!$(C(F)F)][Cl,Br,I]", _ALIPHATIC_AMINE),
}
"""Electrophile -> its pattern, and that of the nucleophiles that it can't share a molecule or a flask with."""

_ACIDIC = "[$([OX2H]),$([SX2H]),$([NX3;H1,H2]),$([nH]),$([CX2H]#C)]"

UNSUITABLE = {
    "alcohol_to_bromide": "[OX2H]c",
    "alcohol_to_chloride": "[OX2H]c",
    "halide_coupling": "[#6]",
    "thiol_alkene": "[#6]",
    "thiol_acid": "[#6]",
    "grignard_nitrile": _ACIDIC,
    "grignard_carbonyl": _ACIDIC,
    "acylation_oxygen": _AMINE,
    "mitsunobu_acid": _ALIPHATIC_AMINE,
    "williamson_ether": _ALIPHATIC_AMINE,
    "tetrazole_1_alkyl": _ALIPHATIC_AMINE,
    "tetrazole_2_alkyl": _ALIPHATIC_AMINE,
}
"""Template -> pattern of reactants for which it isn't used. A phenol gives no halide, two halides couple without order,
the two templates of thiols lose a halogen, an acidic hydrogen ends a Grignard reagent, and amines are acylated and
alkylated before alcohols and azoles."""


def objection(name: str, patterns: Sequence[Chem.Mol], molecules: Sequence[Chem.Mol]) -> Refusal | None:
    """Why reactants, in the order of the template's patterns, would not react as written; None if they do."""
    unsuitable = _compiled_groups(UNSUITABLE[name]) if name in UNSUITABLE else None
    if unsuitable is not None and any(one.HasSubstructMatch(unsuitable) for one in molecules):
        return Refusal(f"{name} isn't used for such molecules")
    if len(patterns) > 1 and any(all(one.HasSubstructMatch(other) for other in patterns) for one in molecules):
        return Refusal(f"{name}: a reactant would react with itself")
    return None


def clash(molecules: Sequence[Chem.Mol]) -> Refusal | None:
    """Why these molecules can't be kept together, or a molecule by itself; None if they can."""
    for name, (electrophile, nucleophile) in CLASHES.items():
        if any(one.HasSubstructMatch(_compiled_groups(electrophile)) for one in molecules) and any(
            one.HasSubstructMatch(_compiled_groups(nucleophile)) for one in molecules
        ):
            return Refusal(f"{name} beside a group that it reacts with")
    return None


@cache
def _compiled_groups(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)


# Forward reactions as templates: which reactants they take, and what they give.
#
# `reactions.tsv` has the names and SMARTS of 91 templates (Hartenfeller et al., J. Chem. Inf. Model. 2011, 51, 3093;
# Button et al., Nat. Mach. Intell. 2019, 1, 307). A reactant's place in a template is a *slot*.

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
        reactants that react with themselves, and products that do (`objection`, `clash`)."""
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


STEP, REACTANT, GIVES, NAME = " | ", " + ", " -> ", ": "
"""Separators of steps, of reactants, of reactants and product, and of a template's name and its reactants."""


@dataclass(frozen=True, eq=False)
class Route:
    """A molecule and how it is made: of `reactants` by `reaction`, or bought if that is None."""

    molecule: Chem.Mol
    reaction: Reaction | None = None
    reactants: tuple[Route, ...] = ()

    @cached_property
    def smiles(self) -> str:
        """The canonical SMILES."""
        return text(self.molecule)

    @cached_property
    def steps(self) -> int:
        """The number of reactions."""
        return sum(one.steps for one in self.reactants) + (self.reaction is not None)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The places of reactions that the molecule fits."""
        return slots_of(self.molecule)

    @cached_property
    def can_be_used(self) -> bool:
        """Whether it can be a reactant: it is bought, or has no group that decomposes."""
        return self.reaction is None or is_stable(self.molecule)

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """SMILES of the building blocks, each once, in the order of their use."""
        if self.reaction is None:
            return (self.smiles,)
        return tuple(dict.fromkeys(block for one in self.reactants for block in one.blocks))


Path = tuple[int, ...]
"""The way from a route's last step to a part of it: the positions of reactants."""


def paths(route: Route, above: Path = ()) -> Iterator[tuple[Path, Route]]:
    """Every part of a route with its path, the route itself first."""
    yield above, route
    for position, one in enumerate(route.reactants):
        yield from paths(one, (*above, position))


def react(reaction: Reaction, reactants: tuple[Route, ...]) -> Route | Refusal:
    """The route that ends with this reaction. What is made on the way must be stable."""
    if unstable := next((one for one in reactants if not one.can_be_used), None):
        return Refusal(f"{unstable.smiles} decomposes")
    product = reaction.product([one.molecule for one in reactants])
    return product if isinstance(product, Refusal) else Route(product, reaction, reactants)


def replaced(route: Route, path: Path, part: Route) -> Route | Refusal:
    """The route with another part at a path; the steps after it are run again."""
    if not path:
        return part
    place, *further = path
    inner = replaced(route.reactants[place], tuple(further), part)
    if isinstance(inner, Refusal) or route.reaction is None:
        return inner
    return react(route.reaction, (*route.reactants[:place], inner, *route.reactants[place + 1 :]))


class Step(NamedTuple):
    """One line of a route's text."""

    reaction: str
    reactants: tuple[str, ...]
    product: str

    def __str__(self) -> str:
        return f"{self.reaction}{NAME}{REACTANT.join(self.reactants)}{GIVES}{self.product}"


def steps_of(route: Route) -> list[Step]:
    """The steps of a route in an order in which they can be run, each product once."""
    done: dict[str, Step] = {}

    def add(part: Route) -> None:
        for one in part.reactants:
            add(one)
        if part.reaction is not None:
            reactants = tuple(one.smiles for one in part.reactants)
            done.setdefault(part.smiles, Step(part.reaction.name, reactants, part.smiles))

    add(route)
    return list(done.values())


def write_route(route: Route) -> str:
    """A route as one line of text; "" for a molecule that is bought."""
    return STEP.join(map(str, steps_of(route)))


def read_steps(line: str) -> list[Step] | Refusal:
    """The steps that a line of text names, without running them."""
    steps = []
    for part in line.split(STEP):
        name, named, rest = part.strip().partition(NAME)
        reactants, gives, product = rest.partition(GIVES)
        if not (named and gives and product):
            return Refusal(f"expected 'reaction: A + B -> C' for a step, got '{part[:60]}'")
        steps.append(Step(name, tuple(reactants.split(REACTANT)), product))
    return steps


def replay(line: str, is_block: Callable[[str], bool] | None = None) -> Route | Refusal:
    """Run the steps of a route's text again.

    Parameters
    ----------
    line : str
        A route as `write_route` writes it.
    is_block : callable, optional
        Whether a canonical SMILES is one of the building blocks; by default every molecule is.

    Returns
    -------
    Route or Refusal
        The route, or the reason why it does not hold: a template that doesn't exist, a molecule that can't be read, a
        reactant that is neither a block nor made before, or a step that gives another product or several.

    Examples
    --------
    >>> route = replay("acylation_nitrogen: CC(=O)O + NCc1ccccc1 -> CC(=O)NCc1ccccc1")
    >>> route.smiles, route.steps, route.blocks
    ('CC(=O)NCc1ccccc1', 1, ('CC(=O)O', 'NCc1ccccc1'))
    >>> replay("acylation_nitrogen: CC(=O)O + NCc1ccccc1 -> CC(=O)Nc1ccccc1").reason
    'step 1: acylation_nitrogen gives CC(=O)NCc1ccccc1 instead of CC(=O)Nc1ccccc1'
    """
    steps = read_steps(line)
    if isinstance(steps, Refusal):
        return steps
    made: dict[str, Route] = {}
    last: Route | Refusal = Refusal("no steps")
    for number, step in enumerate(steps, 1):
        last = _run(step, made, is_block)
        if isinstance(last, Refusal):
            return Refusal(f"step {number}: {last.reason}")
        made[last.smiles] = last
    return last


def _run(step: Step, made: dict[str, Route], is_block: Callable[[str], bool] | None) -> Route | Refusal:
    reaction = reactions_by_name().get(step.reaction)
    if reaction is None:
        return Refusal(f"no reaction is named '{step.reaction[:40]}'")
    if len(step.reactants) != len(reaction.reactants):
        return Refusal(f"{reaction.name} takes {len(reaction.reactants)} reactants, got {len(step.reactants)}")
    wanted = parse(step.product)
    if isinstance(wanted, Refusal):
        return Refusal(f"the product can't be read: {wanted.reason}")
    reactants = []
    for smiles in step.reactants:
        molecule = parse(smiles)
        if isinstance(molecule, Refusal):
            return Refusal(f"the reactant '{smiles[:60]}' can't be read: {molecule.reason}")
        known = made.get(text(molecule))
        if known is None and is_block is not None and not is_block(text(molecule)):
            return Refusal(f"{text(molecule)} is neither a building block nor made before")
        reactants.append(known or Route(molecule))
    route = react(reaction, tuple(reactants))
    if isinstance(route, Refusal) or route.smiles == text(wanted):
        return route
    return Refusal(f"{reaction.name} gives {route.smiles} instead of {text(wanted)}")


# Building blocks that a user can buy, with the places of the reactions that each one fits.


@dataclass(frozen=True, eq=False)
class Stock:
    """Distinct blocks. names: of each, "" for none. fitting: slot -> indices of the blocks that fit, ascending."""

    molecules: Sequence[Chem.Mol]
    names: Sequence[str]
    fitting: Mapping[Slot, np.ndarray]
    _index: Mapping[str, int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.molecules)

    def place(self, smiles: str) -> int | None:
        """The index of the block with this SMILES."""
        return self._index.get(smiles)

    def name(self, smiles: str) -> str:
        """The name of a block, its SMILES if it has none."""
        return self.names[self._index[smiles]] or smiles

    @cached_property
    def fingerprints(self) -> Sequence[DataStructs.ExplicitBitVect]:
        """Of each block."""
        return fingerprints(self.molecules)

    @cached_property
    def usable(self) -> tuple[Reaction, ...]:
        """Reactions with a block for every slot: those that a route can begin with."""
        return tuple(one for one in reactions() if all(slot in self.fitting for slot in one.slots))

    @cached_property
    def unused(self) -> int:
        """The number of blocks that fit to no slot."""
        return len(self) - len({index for indices in self.fitting.values() for index in indices.tolist()})

    def similarities(self, indices: np.ndarray, molecule: Chem.Mol) -> np.ndarray:
        """[index] Tanimoto similarity of blocks to a molecule."""
        (query,) = fingerprints([molecule])
        known = self.fingerprints
        return np.array(DataStructs.BulkTanimotoSimilarity(query, [known[index] for index in indices.tolist()]))


def make_stock(molecules: Sequence[Chem.Mol], names: Sequence[str] = ()) -> Stock:
    """The stock of these molecules; of equal ones the first is kept.

    Raises
    ------
    ConfigError
        If there are no blocks, or none that a reaction accepts.
    """
    given = names or [""] * len(molecules)
    first: dict[str, tuple[Chem.Mol, str]] = {}
    for molecule, name in zip(molecules, given, strict=True):
        first.setdefault(text(molecule), (molecule, name))
    kept = [molecule for molecule, _ in first.values()]
    fitting: dict[Slot, list[int]] = {}
    for index, molecule in enumerate(kept):
        for slot in slots_of(molecule):
            fitting.setdefault(slot, []).append(index)
    arrays = {slot: np.array(indices) for slot, indices in fitting.items()}
    places = {smiles: place for place, smiles in enumerate(first)}
    stock = Stock(kept, [name for _, name in first.values()], arrays, places)
    if not stock.usable:
        raise ConfigError(
            f"Expected building blocks that react with each other, found {len(stock)} blocks, of which {stock.unused} "
            "fit to no reaction. Give reagents such as amines, carboxylic acids, boronic acids and halides."
        )
    return stock
