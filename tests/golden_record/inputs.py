"""Small input files that the entries read, beside the committed samples of `datasets/`."""

from __future__ import annotations

import random
from pathlib import Path

from tests.domains.galaxies.fields import positions, write_field
from tests.domains.molecules.synthesis.stocks import BLOCKS

GB1 = "QYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE"
"""Protein G's domain B1 without its methionine, so that it begins at residue 2."""
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
MOLECULES = """CCO ethanol
CC(=O)Oc1ccccc1C(=O)O aspirin
Oc1ccccc1 phenol
CCO twice
CC(C)(C
[Na+].CC(=O)[O-] salt
CN1C=NC2=C1C(=O)N(C(=O)N2C)C caffeine
c1ccc2c(c1)[nH]c1ccccc12 carbazole
O=C(O)c1ccccc1N anthranilic
FC(F)(F)c1ccc(Cl)cc1
"""
"""One twice, one that can't be read, one of two parts."""
MEASURED = """item,value
CCO,1.0
CCN,1.2
CCC,0.4
CCCl,0.9
CCOC,1.4
CC(C)O,1.6
OCCO,1.1
CCCO,1.3
CC(=O)O,0.7
c1ccccc1O,2.1
c1ccccc1N,2.0
c1ccccc1C,1.5
Cc1ccccc1O,2.4
Oc1ccc(Cl)cc1,2.2
CCc1ccccc1O,>3
NCCO,0.8
"""
"""One value is no number."""
ORACLES = """oracles:
  length:
    command: "python length.py {input} {output}"
    direction: maximize
    timeout_s: 120
"""
LENGTH = """import sys
lines = open(sys.argv[1]).read().splitlines()
with open(sys.argv[2], "w") as out:
    out.write("index,score\\n")
    for number, line in enumerate(lines):
        out.write(f"{number},{len(line.split()[0])}\\n")
"""
DESIGN = """import random
import sys
atoms = [line for line in open(sys.argv[1]) if line.startswith("ATOM") and line[12:16] == " CA "]
with open(sys.argv[2], "w") as out:
    for number in range(int(sys.argv[3])):
        letters = random.Random(number).choices("ACDEFGHIKLMNPQRSTVWY", k=len(atoms))
        out.write(f">{number}\\n{''.join(letters)}\\n")
"""
"""Draws letters at random for the residues of a PDB file."""


OXIRANE = """oxirane
  drawn             3D

  3  3  0  0  0  0            999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.4700    0.0000    0.0000 C   0  0
    0.7350    1.2300    0.1000 O   0  0
  1  2  1  0
  2  3  1  0
  1  3  1  0
M  END
$$$$
"""
WORKFLOW = """domain: proteins
name: tiny
structures: .fasta
threads: 1
prepare: {source: gb1-doubles, sample: true, limit: 120, form: aligned, properties: []}
train:
  conditions: [fitness, mutations]
  settings: {members: 2, hidden: 16, latent: 2}
  training: {steps: 10, batch_size: 64, warmup_steps: 5, log_every: 10}
predict:
  fitness: {table: gb1-doubles/test, target: fitness, limit: 60, evaluation_folds: 2, evaluation_repeats: 1,
            settings: {families: [ridge], folds: 2}}
generate: {n: 20, where: ["mutations <= 6"]}
optimize: {goals: [maximize fitness, mutations <= 6], method: evolution, controls: [prior], budget: 40, n: 3}
propose: {measured: gb1-doubles/test, target: fitness, batch: 6, surrogate: gp, space: {maximum_mutations: 4}}
variants: {}
evaluate: {against: gb1-doubles/test, calibrate: {fitness: [0]}, draws: 32}
report: {candidates: 3}
"""


SHORT = GB1[:9]
SHORT_WORKFLOW = """domain: proteins
name: short
structures: .fasta
threads: 1
prepare: {source: short.csv, wild_type: short.fasta, form: aligned, properties: []}
train:
  conditions: [value, mutations]
  settings: {members: 1, hidden: 2, latent: 2}
  training: {steps: 10, batch_size: 16, warmup_steps: 5}
predict:
  value: {table: short.csv, target: value, wild_type: short.fasta, evaluation_folds: 2, evaluation_repeats: 1,
          settings: {families: [ridge], folds: 2}}
generate: {n: 10, where: ["mutations <= 4"]}
optimize: {goals: [maximize value, mutations <= 4], method: evolution, controls: [prior], budget: 30, n: 3}
propose: {measured: short.csv, target: value, wild_type: short.fasta, batch: 4, surrogate: gp}
variants: {}
evaluate: {against: short.a2m}
report: {candidates: 3}
"""


def write_inputs(folder: Path) -> None:
    """All of them, always the same bytes."""
    (folder / "molecules.smi").write_text(MOLECULES)
    (folder / "blocks.smi").write_text("".join(f"{smiles}\n" for smiles in BLOCKS))
    (folder / "part.sdf").write_text(OXIRANE)
    (folder / "workflow.yaml").write_text(WORKFLOW)
    (folder / "measured.csv").write_text(MEASURED)
    (folder / "oracles.yaml").write_text(ORACLES)
    (folder / "length.py").write_text(LENGTH)
    (folder / "design.py").write_text(DESIGN)
    (folder / "gb1.fasta").write_text(f">GB1/2-56\n{GB1}\n")
    generator = random.Random(0)
    write_family(folder / "family.a2m", generator)
    write_variants(folder / "variants.csv", generator)
    write_tables(folder)
    write_field(folder / "field.fits")
    (folder / "sources.csv").write_text(positions())


def write_short(folder: Path) -> None:
    """A wild type of 9 residues, its family, measured variants, and a workflow."""
    generator = random.Random(1)
    (folder / "short.fasta").write_text(f">SHORT/2-10\n{SHORT}\n")
    (folder / "short.yaml").write_text(SHORT_WORKFLOW)
    write_family(folder / "short.a2m", generator, SHORT)
    write_variants(folder / "short.csv", generator, SHORT, 24)
    write_tables(folder)


def write_tables(folder: Path) -> None:
    """Rows of numbers, counts and categories with gaps, and trials of counts at five times of two neurons."""
    generator = random.Random(2)
    lines, trials = ["price,city,visits"], ["kind;spikes"]
    for number in range(40):
        city, price = generator.choice(("Bergen", "Oslo")), generator.gauss(10, 3)
        lines.append(f"{'' if number % 9 == 4 else f'{price:.2f}'},{city},{generator.randrange(7)}")
        counts = [[generator.randrange(4) for _ in range(2)] for _ in range(5)]
        trials.append(f"{generator.choice(('left', 'right'))};{counts}")
    (folder / "table.csv").write_text("\n".join([*lines, ""]))
    (folder / "trials.csv").write_text("\n".join([*trials, ""]))


def write_family(path: Path, generator: random.Random, wild: str = GB1) -> None:
    """60 relatives, with gaps; one row is a fragment."""
    records = [f">WILD_STRSG/2-{len(wild) + 1}\n{wild}\n"]
    for number in range(60):
        rate = generator.uniform(0.05, 0.4)
        letters = [generator.choice(LETTERS) if generator.random() < rate else letter for letter in wild]
        for place in range(generator.randrange(len(wild) // 8)):
            letters[-1 - place] = "-"
        species = generator.choice(("ECOLX", "HUMAN", "YEAST"))
        records.append(f">REL{number}_{species}/1-{len(wild)}\n{''.join(letters)}\n")
    records.append(f">FRAGMENT\n{wild[:2]}{'-' * (len(wild) - 2)}\n")
    path.write_text("".join(records))


def write_variants(path: Path, generator: random.Random, wild: str = GB1, count: int = 40) -> None:
    """Singles and doubles by name with a value, the wild type, and two rows that can't be used."""
    lines = ["mutant,value,well", "WT,0.0,A0"]
    for number in range(count):
        places = sorted(generator.sample(range(len(wild)), 1 + number % 2))
        names = [wild[at] + str(at + 2) + generator.choice(LETTERS.replace(wild[at], "")) for at in places]
        lines.append(f"{':'.join(names)},{generator.gauss(-1, 1):.3f},A{number + 1}")
    path.write_text("\n".join([*lines, "A99G,1.0,B1", "Q2Y:Y3F,,B2", ""]))
