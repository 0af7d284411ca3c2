"""Synthesis routes: a record of steps from building blocks to a molecule, its text, and its replay.

A route is written in one line, step by step, the last of which makes the molecule:

    acylation_nitrogen: CC(=O)O + NCc1ccc(Br)cc1 -> CC(=O)NCc1ccc(Br)cc1 | suzuki: OB(O)c1ccccc1 + CC... -> CC...

A step is the name of a template, its reactants in the template's order, and its product, all as SMILES. A reactant
that an earlier step makes is that step's product; every other one is a building block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from rdkit import Chem

from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.synthesis.reactions import Reaction, Slot, reactions_by_name, slots_of
from sciencegen.domains.molecules.unstable import is_stable
from sciencegen.items import Refusal

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
