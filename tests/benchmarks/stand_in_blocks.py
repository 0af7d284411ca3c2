"""A stand-in for a vendor's list of building blocks: pieces of MOSES with the groups that join them.

    python tests/benchmarks/stand_in_blocks.py moses/test --molecules 20000 --count 5000 -o blocks.smi

No vendor's list is available offline. Molecules are cut at the bonds that common reactions make (amides, sulfonamides,
ureas, biaryls, amines, ethers, esters), and each piece gets the group that it would be bought with: an acid, a sulfonyl
chloride, an isocyanate, a boronic acid, a bromide, an aldehyde, a phenol, an amine. The pieces of at most so many heavy
atoms that fit some reaction are counted, and the commonest are written with their rank as name. They are not for sale.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdChemReactions

from sciencegen.api.sources.tables import read_texts
from sciencegen.domains.molecules.alerts import is_stable
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.synthesis.routes import slots_of
from sciencegen.files import atomic_write
from sciencegen.items import Refusal

CUTS = {
    "amide": "[C:1](=[O:2])-!@[N;!$(N-[#7,#8]):3]>>[C:1](=[O:2])O.[N:3]",
    "ester": "[#6][C:1](=[O:2])-!@[O:3][#6:4]>>[C:1](=[O:2])O.[O:3][#6:4]",
    "sulfonamide": "[#6:1][S:2](=[O:3])(=[O:4])-!@[N:5]>>[#6:1][S:2](=[O:3])(=[O:4])Cl.[N:5]",
    "urea": "[NH1:1][C:2](=[O:3])-!@[N:4]>>[N:1]=[C:2]=[O:3].[N:4]",
    "biaryl": "[c:1]-!@[c:2]>>[c:1]B(O)O.[c:2]Br",
    "aryl amine": "[c:1]-!@[NX3;!$(N[C,S]=[O,S]):2]>>[c:1]Br.[N:2]",
    "alkyl amine": "[CH2;$(C[#6]):1]-!@[NX3;!$(N[C,S]=[O,S]):2]>>[CH1:1]=O.[N:2]",
    "aryl ether": "[c:1][O:2]-!@[CH2;$(C[#6]):3]>>[c:1][O:2].[CH2:3]Br",
}
"""Retrosynthetic cuts as reaction SMARTS."""


def pieces_of(molecule: Chem.Mol, cuts: list[rdChemReactions.ChemicalReaction], most: int) -> Iterator[Chem.Mol]:
    """Small pieces of a molecule; larger ones are cut again."""
    ahead, seen = [molecule], {text(molecule)}
    while ahead:
        one = ahead.pop()
        for cut in cuts:
            for made in cut.RunReactants((one,), 20):
                for piece in map(_standard, made):
                    if piece is not None and text(piece) not in seen:
                        seen.add(text(piece))
                        if piece.GetNumHeavyAtoms() > most:
                            ahead.append(piece)
                        else:
                            yield piece


def _standard(piece: Chem.Mol) -> Chem.Mol | None:
    try:
        Chem.SanitizeMol(piece)
    except (ValueError, RuntimeError):
        return None
    found = parse(Chem.MolToSmiles(piece))
    return None if isinstance(found, Refusal) else found


def count_blocks(texts: list[str], most: int) -> Counter[str]:
    """In how many molecules each block is."""
    cuts, counts, good = (
        [rdChemReactions.ReactionFromSmarts(cut) for cut in CUTS.values()],
        Counter[str](),
        dict[str, bool](),
    )
    for smiles in texts:
        molecule = parse(smiles)
        if isinstance(molecule, Refusal):
            continue
        for piece in pieces_of(molecule, cuts, most):
            name = text(piece)
            if name not in good:
                good[name] = piece.GetNumHeavyAtoms() > 2 and is_stable(piece) and bool(slots_of(piece))
            counts[name] += good[name]
    return counts


def main() -> None:
    rdBase.BlockLogs()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", default="moses/test", help="a dataset or a file of molecules")
    parser.add_argument("-o", "--output", type=Path, required=True, help="SMILES file of the blocks")
    parser.add_argument("--molecules", type=int, default=20000, help="molecules that are cut")
    parser.add_argument("--count", type=int, default=5000, help="blocks to write")
    parser.add_argument("--most", type=int, default=14, help="heavy atoms of a block")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    texts = list(read_texts("molecules", chosen.source))
    places = np.random.default_rng(chosen.seed).permutation(len(texts))[: chosen.molecules].tolist()
    counts = count_blocks([texts[place] for place in places], chosen.most)
    best = sorted((name for name in counts if counts[name]), key=lambda name: (-counts[name], name))[: chosen.count]
    with atomic_write(chosen.output) as file:
        file.writelines(f"{smiles} B{rank}\n" for rank, smiles in enumerate(best, 1))
    print(f"{len(best)} blocks of {len(counts)}, the last of them in {counts[best[-1]]} molecules")


if __name__ == "__main__":
    main()
