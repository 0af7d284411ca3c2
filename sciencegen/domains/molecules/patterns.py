"""Combines SMARTS patterns to keep and to forbid to one test of a molecule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rdkit import Chem, rdBase

from sciencegen.errors import ConfigError
from sciencegen.items import Reference

MAX_MATCHES = 10_000


def constraint(
    keep: Sequence[str] = (), forbid: Sequence[str] = (), reference: Reference | None = None
) -> Callable[[Chem.Mol], bool]:
    """A test that a molecule contains every pattern of `keep` and none of `forbid`; `reference` isn't used."""
    kept = [KeptPattern.compile(pattern) for pattern in keep]
    forbidden = [compile_smarts(pattern, "forbid") for pattern in forbid]

    def satisfied(molecule: Chem.Mol) -> bool:
        return all(pattern.holds(molecule) for pattern in kept) and not any(
            molecule.HasSubstructMatch(pattern) for pattern in forbidden
        )

    return satisfied


def compile_smarts(pattern: str, purpose: str) -> Chem.Mol:
    """Compile a SMARTS pattern; an invalid one raises a ConfigError with the pattern and its purpose."""
    with rdBase.BlockLogs():
        query = Chem.MolFromSmarts(pattern) if isinstance(pattern, str) and pattern.strip() else None
    if query is None or query.GetNumAtoms() == 0:
        raise ConfigError(
            f"Expected a SMARTS pattern in '{purpose}', got {pattern!r}. "
            "Write a substructure such as 'c1ccccc1C(=O)N', or 'c1ccccc1[*:1]' with an attachment point."
        )
    return query


@dataclass(frozen=True)
class KeptPattern:
    """A substructure to keep. With attachment points (terminal `*` or `[*:1]`) it may be substituted only there, by at
    most one neighbour for each point; without points it may be substituted anywhere.

    core: the pattern without points. attachments: number of points at each atom of the core, None without points.
    """

    core: Chem.Mol
    attachments: Counter[int] | None

    @classmethod
    def compile(cls, pattern: str) -> KeptPattern:
        query = compile_smarts(pattern, "keep")
        points = [atom.GetIdx() for atom in query.GetAtoms() if _is_attachment(atom)]
        if not points or len(points) == query.GetNumAtoms():
            return cls(query, None)
        at_atom = Counter(query.GetAtomWithIdx(point).GetNeighbors()[0].GetIdx() for point in points)
        renumbered = {old: new for new, old in enumerate(i for i in range(query.GetNumAtoms()) if i not in points)}
        core = Chem.RWMol(query)
        for point in sorted(points, reverse=True):
            core.RemoveAtom(point)
        return cls(core.GetMol(), Counter({renumbered[atom]: count for atom, count in at_atom.items()}))

    def holds(self, molecule: Chem.Mol) -> bool:
        if self.attachments is None:
            return molecule.HasSubstructMatch(self.core)
        matches = molecule.GetSubstructMatches(self.core, uniquify=False, maxMatches=MAX_MATCHES)
        return any(self._substituted_only_at_points(molecule, match) for match in matches)

    def _substituted_only_at_points(self, molecule: Chem.Mol, match: Sequence[int]) -> bool:
        inside, allowed = set(match), self.attachments or Counter()
        for position, index in enumerate(match):
            neighbours = molecule.GetAtomWithIdx(index).GetNeighbors()
            outside = sum(neighbour.GetIdx() not in inside for neighbour in neighbours)
            if outside > allowed[position]:
                return False
        return True


def _is_attachment(atom: Chem.Atom) -> bool:
    """A bare `*`, numbered or not, with one bond."""
    return atom.GetDegree() == 1 and atom.GetAtomicNum() == 0 and atom.DescribeQuery().strip() == "AtomNull"
