"""Stand-ins for programs of others: one draws sequences for a backbone, one predicts structures of sequences."""

from __future__ import annotations

import sys
from pathlib import Path

from sciencegen.domains.proteins.backbones.files import name_of

DESIGN = """
import random, sys
source, target, n, seed, keep = sys.argv[1:6]
residues = [line for line in open(source) if line.startswith("ATOM") and line[12:16].strip() == "CA"]
kept = {label[1:] for label in keep.split()}
ours = {three: one for one, three in zip(LETTERS, NAMES)}
chosen = random.Random(int(seed))
with open(target, "w") as file:
    for number in range(int(n)):
        letters = [ours.get(one[17:20]) if one[22:27].strip() in kept else chosen.choice(LETTERS) for one in residues]
        print(f">{number}", "".join(letters), sep="\\n", file=file)
    EXTRA
"""
FOLD = """
import os, random, sys
models, atoms = {}, []
for line in open(BACKBONES):
    if line.startswith("ATOM"):
        atoms.append(line)
    elif line.startswith(("ENDMDL", "END")) and atoms:
        models[sum(one[12:16].strip() == "CA" for one in atoms)], atoms = atoms, []
text = open(sys.argv[1]).read()
os.mkdir(sys.argv[2])
for record in text.split(">")[1:]:
    name, *lines = record.split()
    sequence = "".join(lines)
    noise, place = random.Random(sequence), -1
    if SKIP(sequence):
        continue
    with open(os.path.join(sys.argv[2], f"{name}_rank_001.pdb"), "w") as file:
        for line in models[len(sequence)]:
            place += line[12:16].strip() == "N"
            moved = "".join(f"{float(line[at:at + 8]) + noise.gauss(0, 0.3):8.3f}" for at in (30, 38, 46))
            three = NAMES[LETTERS.index(sequence[place])]
            print(line[:17] + three + line[20:30] + moved + "  1.00 75.00" + line[66:].rstrip(), file=file)
        print("END", file=file)
"""
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def write_program(path: Path, body: str) -> str:
    """Write a script, and return the command that runs it, without its arguments."""
    names = [name_of(letter) for letter in LETTERS]
    path.write_text(f"LETTERS, NAMES = {LETTERS!r}, {names!r}\n{body}")
    return f"'{sys.executable}' '{path}'"


def design_program(folder: Path, extra: str = "pass") -> str:
    """The command of a program that draws letters at random. extra: a last statement, which may write to `file`."""
    words = "{input} {output} {n} {seed} '{keep}'"
    return f"{write_program(folder / 'design.py', DESIGN.replace('EXTRA', extra))} {words}"


def fold_program(folder: Path, backbones: Path, skip: str = "lambda sequence: False") -> str:
    """The command of a program that predicts noised backbones, those of a file by their lengths, with a pLDDT of 75."""
    body = FOLD.replace("BACKBONES", repr(str(backbones))).replace("SKIP", f"({skip})")
    return f"{write_program(folder / 'fold.py', body)} {{input}} {{output}}"
