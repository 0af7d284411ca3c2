"""Point mutations of SELFIES: a small random move, the baseline of latent searches.

One symbol is replaced, inserted or deleted, as in STONED (Nigam, Pollice, Krenn, dos Passos Gomes, Aspuru-Guzik,
Chem. Sci. 2021, 12, 7079).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import selfies
from rdkit import Chem

from sciencegen.domains.molecules.items import key, parse
from sciencegen.items import Refusal

ATTEMPTS = 10
"""Maximum number of attempts, since a mutation may have no effect (symbols after the end of a ring are ignored)."""


@cache
def alphabet() -> tuple[str, ...]:
    """Neutral symbols that are valid anywhere, sorted. Charged ones would be neutralized by `parse`."""
    symbols = selfies.get_semantic_robust_alphabet()
    return tuple(sorted(symbol for symbol in symbols if not any(sign in symbol for sign in ("+1", "-1"))))


def mutate(molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
    """Another molecule by a change of one SELFIES symbol, or a Refusal with the reason if none was found."""
    before = key(molecule)
    try:
        symbols = list(selfies.split_selfies(selfies.encoder(before)))
    except selfies.EncoderError as error:
        return Refusal(f"SELFIES can't write it: {str(error).strip().splitlines()[0]}")
    last = Refusal(f"{ATTEMPTS} mutations gave the same molecule")
    for _ in range(ATTEMPTS):
        mutant = parse(_decode(_mutate_symbols(symbols, generator)))
        if isinstance(mutant, Refusal):
            last = mutant
        elif radicals(mutant) > radicals(molecule):
            last = Refusal(f"{ATTEMPTS} mutations gave radicals alone")
        elif key(mutant) != before:
            return mutant
    return last


def radicals(molecule: Chem.Mol) -> int:
    """Number of unpaired electrons. One of 22 mutations of small molecules has some."""
    return sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())


def _mutate_symbols(symbols: list[str], generator: np.random.Generator) -> list[str]:
    """Replace, insert or delete one symbol with equal probability; a single symbol is never deleted."""
    kind = generator.integers(3 if len(symbols) > 1 else 2)
    drawn = alphabet()[generator.integers(len(alphabet()))]
    if kind == 1:
        place = generator.integers(len(symbols) + 1)
        return [*symbols[:place], drawn, *symbols[place:]]
    place = generator.integers(len(symbols))
    return [*symbols[:place], *([drawn] if kind == 0 else []), *symbols[place + 1 :]]


def _decode(symbols: list[str]) -> str:
    try:
        return selfies.decoder("".join(symbols))
    except selfies.DecoderError:
        return ""
