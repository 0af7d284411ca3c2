"""Analogues of drugs at a chosen similarity, by `generate --vary --similarity`, by its moves alone, and by a baseline.

    python tests/benchmarks/variations.py --drugs 50 -n 20 --window 0.45..0.75 -o variations.csv

The baseline draws chains of random edits of the graph (Jensen 2019) and keeps the molecules in the window. Figures for
each lead: `obeyed`, the share of the n that lie in the window; distinct ones; without groups of the filters `unstable`
and `reactive`; with as many undefined stereocentres as the lead at most, and with those of its centres that stand with
the same four neighbours in their configuration; CPU seconds. The drugs are no part of the training data of any model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFMCS

import sciencegen as sg
from sciencegen.api.sampling.request import similarity_window
from sciencegen.api.science import constraint_of
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.molecules import DOMAIN, alerts
from sciencegen.domains.molecules.edits import edit
from sciencegen.domains.molecules.items import key, parse
from sciencegen.domains.molecules.models import read_leads
from sciencegen.items import Refusal
from tests.benchmarks.rows import write_rows

DRUGS = {
    "metformin": "CN(C)C(=N)NC(N)=N",
    "valproic acid": "CCCC(CCC)C(=O)O",
    "gabapentin": "NCC1(CC(=O)O)CCCCC1",
    "pregabalin": "CC(C)C[C@H](CN)CC(=O)O",
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "ibuprofen": "CC(C)Cc1ccc(C(C)C(=O)O)cc1",
    "nicotine": "CN1CCC[C@H]1c1cccnc1",
    "metronidazole": "Cc1ncc([N+](=O)[O-])n1CCO",
    "levetiracetam": "CC[C@@H](C(N)=O)N1CCCC1=O",
    "lidocaine": "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "propranolol": "CC(C)NCC(O)COc1cccc2ccccc12",
    "salbutamol": "CC(C)(C)NC[C@H](O)c1ccc(O)c(CO)c1",
    "fluoxetine": "CNCCC(Oc1ccc(C(F)(F)F)cc1)c1ccccc1",
    "sertraline": "CN[C@H]1CC[C@@H](c2ccc(Cl)c(Cl)c2)c2ccccc21",
    "diazepam": "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "naproxen": "COc1ccc2cc([C@H](C)C(=O)O)ccc2c1",
    "warfarin": "CC(=O)CC(c1ccccc1)c1c(O)c2ccccc2oc1=O",
    "morphine": "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "testosterone": "C[C@]12CC[C@H]3[C@@H](CCC4=CC(=O)CC[C@@]43C)[C@@H]1CC[C@@H]2O",
    "dexamethasone": "C[C@@H]1C[C@H]2[C@@H]3CCC4=CC(=O)C=C[C@]4(C)[C@@]3(F)[C@@H](O)C[C@]2(C)[C@@]1(O)C(=O)CO",
    "celecoxib": "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "ciprofloxacin": "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",
    "levofloxacin": "C[C@H]1COc2c(N3CCN(C)CC3)c(F)cc3c(=O)c(C(=O)O)cn1c23",
    "amoxicillin": "CC1(C)S[C@@H]2[C@H](NC(=O)[C@H](N)c3ccc(O)cc3)C(=O)N2[C@H]1C(=O)O",
    "omeprazole": "COc1ccc2[nH]c(S(=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "losartan": "CCCCc1nc(Cl)c(CO)n1Cc1ccc(-c2ccccc2-c2nnn[nH]2)cc1",
    "amlodipine": "CCOC(=O)C1=C(COCCN)NC(C)=C(C(=O)OC)C1c1ccccc1Cl",
    "sitagliptin": "N[C@@H](CC(=O)N1CCn2c(nnc2C(F)(F)F)C1)Cc1cc(F)c(F)cc1F",
    "linezolid": "CC(=O)NC[C@H]1CN(c2ccc(N3CCOCC3)c(F)c2)C(=O)O1",
    "oseltamivir": "CCOC(=O)C1=C[C@@H](OC(CC)CC)[C@H](NC(C)=O)[C@@H](N)C1",
    "captopril": "C[C@H](CS)C(=O)N1CCC[C@H]1C(=O)O",
    "enalapril": "CCOC(=O)[C@H](CCc1ccccc1)N[C@@H](C)C(=O)N1CCC[C@H]1C(=O)O",
    "haloperidol": "O=C(CCCN1CCC(O)(c2ccc(Cl)cc2)CC1)c1ccc(F)cc1",
    "gefitinib": "COc1cc2ncnc(Nc3ccc(F)c(Cl)c3)c2cc1OCCCN1CCOCC1",
    "erlotinib": "C#Cc1cccc(Nc2ncnc3cc(OCCOC)c(OCCOC)cc23)c1",
    "imatinib": "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1",
    "lapatinib": "CS(=O)(=O)CCNCc1ccc(-c2ccc3ncnc(Nc4ccc(OCc5cccc(F)c5)c(Cl)c4)c3c2)o1",
    "osimertinib": "C=CC(=O)Nc1cc(Nc2nccc(-c3cn(C)c4ccccc34)n2)c(OC)cc1N(C)CCN(C)C",
    "tofacitinib": "C[C@@H]1CCN(C(=O)CC#N)C[C@@H]1N(C)c1ncnc2[nH]ccc12",
    "apixaban": "COc1ccc(-n2nc(C(N)=O)c3c2C(=O)N(c2ccc(N4CCCCC4=O)cc2)CC3)cc1",
    "rivaroxaban": "O=C(NC[C@H]1CN(c2ccc(N3CCOCC3=O)cc2)C(=O)O1)c1ccc(Cl)s1",
    "sildenafil": "CCCc1nn(C)c2c1nc(-c1cc(S(=O)(=O)N3CCN(C)CC3)ccc1OCC)[nH]c2=O",
    "atorvastatin": "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O",
    "simvastatin": "CCC(C)(C)C(=O)O[C@H]1C[C@@H](C)C=C2C=C[C@H](C)[C@H](CC[C@@H]3C[C@@H](O)CC(=O)O3)[C@H]21",
    "montelukast": "CC(C)(O)c1ccccc1CC[C@@H](SCC1(CC(=O)O)CC1)c1cccc(/C=C/c2ccc3ccc(Cl)cc3n2)c1",
    "darunavir": "CC(C)CN(C[C@@H](O)[C@H](Cc1ccccc1)NC(=O)O[C@H]1CO[C@H]2OCC[C@@H]12)S(=O)(=O)c1ccc(N)cc1",
    "ritonavir": "CC(C)c1nc(CN(C)C(=O)N[C@@H](C(C)C)C(=O)N[C@@H](Cc2ccccc2)C[C@H](O)[C@H](Cc2ccccc2)NC(=O)"
    "OCc2cncs2)cs1",
    "venetoclax": "CC1(C)CCC(CN2CCN(c3ccc(C(=O)NS(=O)(=O)c4ccc(NCC5CCOCC5)c([N+](=O)[O-])c4)c(Oc4cnc5[nH]ccc5c4)"
    "c3)CC2)=C(c2ccc(Cl)cc2)C1",
    "paclitaxel": "CC(=O)O[C@H]1C(=O)[C@]2(C)[C@@H](O)C[C@H]3OC[C@@]3(OC(C)=O)[C@H]2[C@H](OC(=O)c2ccccc2)[C@]2(O)C[C@H]"
    "(OC(=O)[C@H](O)[C@@H](NC(=O)c3ccccc3)c3ccccc3)C(C)=C1C2(C)C",
}  # fmt: skip
"""Approved drugs of 9 to 62 heavy atoms."""
MEANS = ("obeyed", "distinct", "plausible", "stereo", "median", "spread", "cpu_seconds")
COLUMNS = ("drug", "atoms", "by", "found", *MEANS)
TRIED = 50
"""Molecules of the baseline for each one asked for."""


def by_verb(lead: Chem.Mol, window: str, n: int) -> list[Chem.Mol]:
    """`generate --vary`."""
    table = sg.generate("molecules", n, vary=key(lead), similarity=window, seed=1, threads=1).table
    return [parse(one) for one in table["item"]]


def by_moves(lead: Chem.Mol, window: str, n: int) -> list[Chem.Mol]:
    """The moves alone."""
    low, high = similarity_window(window)
    accept = constraint_of(DOMAIN, (), (), None, True)
    (start,) = read_leads(TaskSettings(vary=key(lead), accept=accept, plausible=True))
    generator, found = np.random.default_rng(1), dict[str, Chem.Mol]()
    for _ in range(TRIED * n):
        made = start.analogue((low, high), generator.uniform(low, high), generator)
        if isinstance(made, Chem.Mol):
            found[key(made)] = made
        if len(found) == n:
            break
    return list(found.values())


def by_edits(lead: Chem.Mol, window: str, n: int) -> list[Chem.Mol]:
    """Random edits of the graph, kept if they are in the window; from the lead again below it."""
    low, high = similarity_window(window)
    generator, found, now = np.random.default_rng(1), dict[str, Chem.Mol](), lead
    for _ in range(TRIED * n):
        made = edit(now, generator)
        alike = 0.0 if isinstance(made, Refusal) else DOMAIN.similarity.matrix([made], [lead])[0, 0]
        now = lead if alike < low or isinstance(made, Refusal) else made
        if low <= alike <= high:
            found[key(made)] = made
        if len(found) == n:
            break
    return list(found.values())


def stereo_kept(lead: Chem.Mol, made: Chem.Mol) -> bool:
    """Whether the molecule holds the largest common part (RDKit's) with the lead's configurations: of centres with all
    neighbours in that part."""
    if not any(atom.HasProp("_CIPCode") for atom in lead.GetAtoms()):
        return True
    common = rdFMCS.FindMCS([lead, made], ringMatchesRingOnly=True, timeout=1)
    inside = set(lead.GetSubstructMatch(Chem.MolFromSmarts(common.smartsString)))
    part = Chem.RWMol(lead)
    for atom in lead.GetAtoms():
        if any(one.GetIdx() not in inside for one in atom.GetNeighbors()):
            part.GetAtomWithIdx(atom.GetIdx()).SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    part.BeginBatchEdit()
    for atom in set(range(lead.GetNumAtoms())) - inside:
        part.RemoveAtom(atom)
    part.CommitBatchEdit()
    return made.HasSubstructMatch(part, useChirality=True) or not made.HasSubstructMatch(part)


def row_of(drug: str, lead: Chem.Mol, by: str, made: Sequence[Chem.Mol], n: int, window: str, seconds: float) -> dict:
    """The figures of one lead."""
    low, high = similarity_window(window)
    alike = DOMAIN.similarity.matrix(made, [lead])[:, 0] if made else np.zeros(0)
    count = max(1, len(made))
    return {
        "drug": drug, "atoms": lead.GetNumAtoms(), "by": by, "found": len(made),
        "obeyed": float(((alike >= low) & (alike <= high)).sum()) / n,
        "distinct": len({key(one) for one in made}) / count,
        "plausible": sum(map(alerts.is_plausible, made)) / count,
        "stereo": sum(stereo_kept(lead, one) for one in made) / count,
        "median": float(np.median(alike)) if len(alike) else float("nan"),
        "spread": float(np.std(alike)) if len(alike) else float("nan"), "cpu_seconds": seconds,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--items", type=Path, help="Write the molecules too.")
    parser.add_argument("--drugs", type=int, default=len(DRUGS))
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--window", default="0.45..0.75")
    parser.add_argument("--by", nargs="+", default=["verb", "moves", "edits"])
    given, rows, items = parser.parse_args(), [], []
    ways = {"verb": by_verb, "moves": by_moves, "edits": by_edits}
    for place in np.linspace(0, len(DRUGS) - 1, given.drugs).round().astype(int):
        drug = list(DRUGS)[place]
        for by in given.by:
            lead, began = parse(DRUGS[drug]), process_time()
            made = ways[by](lead, given.window, given.n)
            rows.append(row_of(drug, lead, by, made, given.n, given.window, process_time() - began))
            items += [{"drug": drug, "by": by, "item": key(one)} for one in made]
            print(*(f"{value:.2f}" if isinstance(value, float) else value for value in rows[-1].values()), flush=True)
    for by in given.by:
        own = [row for row in rows if row["by"] == by]
        print(by, {name: round(float(np.nanmean([row[name] for row in own])), 3) for name in MEANS})
    write_rows(given.output, COLUMNS, rows)
    if given.items:
        write_rows(given.items, ("drug", "by", "item"), items)


if __name__ == "__main__":
    main()
