"""Improving given molecules: QED of at least 0.9 while staying similar, from starts with a QED of 0.7 to 0.8.

    python tests/benchmarks/improving_starts.py -o improving.csv --threads 1
    python tests/benchmarks/improving_starts.py -o improving.csv --methods hill_climb --only 20 --threads 1

The task of Jin, Yang, Barzilay, Jaakkola (ICLR 2019, section 5.1), with starts drawn from MOSES test by the seed. A
start is solved by a molecule of QED >= 0.9 and Tanimoto similarity >= 0.4 (Morgan, radius 2, 2,048 bits) that isn't
in MOSES train, among the first molecules that `sciencegen.api.optimize.search` scores for the goals "qed >= 0.9",
"maximize qed" and "similarity to START >= 0.4". RDKit's own QED and similarity are asked again before it counts.

Beside it stand random mutations (method `hill_climb`) at the same budgets, and what needs no design at all: whether
some molecule of MOSES train would do (look-up; it reads the whole set, in chunks).

Every start gets the smallest budget first; who isn't solved begins again, by the same seed, with the next. The file
has a line for each start and is written after each search, so that the same command goes on where it was ended.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import QED

from sciencegen.api.optimize import SearchRecord, resolve_optimize, search
from sciencegen.api.search import Known, read_known
from sciencegen.api.sources.tables import card_rows, find_card
from sciencegen.config import OptimizeSettings
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.features import fingerprints
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from sciencegen.optimization.search import METHODS
from tests.benchmarks.rows import write_rows

LEAST_QED, LEAST_SIMILARITY, START_QED = 0.9, 0.4, (0.7, 0.8)
CHUNK = 2000
LOOK_UP = ("known", "known_item", "known_qed", "known_similarity")
SEARCH = ("spent", "call", "item", "qed", "similarity", "best_qed", "seconds")
"""Of each method. spent: the largest budget tried. call: which call solved it, empty if none did. item, qed,
similarity: what solved it. best_qed: the best among all that was similar enough, known or new."""

Row = dict[str, Any]


def moses(split: str) -> Iterator[str]:
    """SMILES of the whole split; fetched if it isn't in the cache."""
    card, _ = find_card("molecules", f"moses/{split}")
    return (row.text for row in card_rows(card, DOMAIN, False, False)[split])


def draw_starts(count: int, seed: int) -> list[Row]:
    """The first `count` of a random order of MOSES test whose QED is that of a start."""
    texts, rows = list(moses("test")), []
    for place in np.random.default_rng(seed).permutation(len(texts)).tolist():
        item = DOMAIN.items.parse(texts[place])
        if isinstance(item, Refusal) or not START_QED[0] <= QED.qed(item) <= START_QED[1]:
            continue
        rows.append({"start": DOMAIN.items.text(item), "start_qed": QED.qed(item)})
        if len(rows) == count:
            break
    return rows


def look_up(rows: Sequence[Row], texts: Iterator[str]) -> int:
    """Note for each start how many known molecules would do and the most similar of them; returns how many were read.

    Memory doesn't grow with the set: a chunk at a time, and QED only of what is similar enough to some start.
    """
    starts = fingerprints([Chem.MolFromSmiles(row["start"]) for row in rows])
    for row in rows:
        row |= {"known": 0, "known_item": "", "known_qed": "", "known_similarity": 0.0}
    read = 0
    while chunk := list(islice(texts, CHUNK)):
        read += len(chunk)
        items = [item for item in map(DOMAIN.items.parse, chunk) if not isinstance(item, Refusal)]
        for item, fingerprint in zip(items, fingerprints(items), strict=True):
            alike = np.array(DataStructs.BulkTanimotoSimilarity(fingerprint, starts))
            near = np.flatnonzero(alike >= LEAST_SIMILARITY).tolist()
            if near and (qed := QED.qed(item)) >= LEAST_QED:
                for place in near:
                    _note_known(rows[place], DOMAIN.items.text(item), qed, float(alike[place]))
    for row in rows:
        row["known_similarity"] = row["known_similarity"] or ""
    return read


def _note_known(row: Row, text: str, qed: float, similarity: float) -> None:
    row["known"] += 1
    if similarity > row["known_similarity"]:
        row |= {"known_item": text, "known_qed": qed, "known_similarity": similarity}


def improve(row: Row, method: str, budget: int, known: Known, chosen: argparse.Namespace) -> None:
    """One search from one start; what came of it goes into the row."""
    wish = f"similarity to {row['start']}"
    settings = OptimizeSettings(
        goals=(f"qed >= {LEAST_QED}", "maximize qed", f"{wish} >= {LEAST_SIMILARITY}"), start=(row["start"],),
        method=method, budget=budget, n=1, model=chosen.model, seed=chosen.seed, threads=chosen.threads,
    )  # fmt: skip
    began = perf_counter()
    found = search(resolve_optimize("molecules", settings))
    row[f"{method}_seconds"] = float(row.get(f"{method}_seconds") or 0) + perf_counter() - began
    row[f"{method}_spent"] = budget
    qeds, alike = np.array(found.scored["qed"]), np.array(found.scored[wish])
    row[f"{method}_best_qed"] = float(np.nanmax(qeds[alike >= LEAST_SIMILARITY], initial=0.0))
    row |= {f"{method}_{name}": value for name, value in first_solution(found, row["start"], known).items()}


def first_solution(found: SearchRecord, start: str, known: Known) -> Row:
    """The first scored molecule that is good enough, similar enough and new; empty if there is none."""
    reference = fingerprints([Chem.MolFromSmiles(start)])[0]
    for call, text, feasible in zip(*(found.scored[name] for name in ("call", "item", "feasible")), strict=True):
        if not feasible:
            continue
        item = Chem.MolFromSmiles(text)
        similarity = DataStructs.TanimotoSimilarity(fingerprints([item])[0], reference)
        qed = QED.qed(item)
        if not known.holds(item) and qed >= LEAST_QED and similarity >= LEAST_SIMILARITY:
            return {"call": call, "item": text, "qed": qed, "similarity": similarity}
    return {}


def is_solved(row: Row, method: str, budget: int) -> bool:
    return row.get(f"{method}_call", "") != "" and int(row[f"{method}_call"]) <= budget


def is_settled(row: Row, method: str, budget: int) -> bool:
    """Whether the row says how a search of this budget ends."""
    return is_solved(row, method, budget) or int(row.get(f"{method}_spent") or 0) >= budget


def write(path: Path, rows: Sequence[Row]) -> None:
    named = ["start", "start_qed", "model", *LOOK_UP]
    methods = [method for method in METHODS if any(f"{method}_spent" in row for row in rows)]
    names = named + [f"{method}_{name}" for method in methods for name in SEARCH]
    write_rows(path, names, rows)


def read_or_draw(path: Path, chosen: argparse.Namespace) -> list[Row]:
    """The lines of a file begun earlier, else fresh starts."""
    if not path.exists():
        return draw_starts(chosen.starts, chosen.seed)
    with path.open(newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    models = {row["model"] for row in rows} - {"", chosen.model or "shipped"}
    if len(rows) != chosen.starts or models:
        raise ConfigError(
            f"Expected {chosen.starts} starts of model {chosen.model or 'shipped'} in {path}, found {len(rows)} of "
            f"{', '.join(models) or 'it'}. Name another file with -o."
        )
    return rows


def report(rows: Sequence[Row], budgets: Sequence[int]) -> None:
    """Lines for the look-up and for each method that was tried on all these rows. What isn't run yet isn't solved."""
    print(f"\nthe first {len(rows)} starts")
    if all(row.get("known", "") != "" for row in rows):
        print(f"  {'look-up in MOSES train':24s} {_share(sum(int(row['known']) > 0 for row in rows), len(rows))}")
    for method in METHODS:
        tried = [row for row in rows if row.get(f"{method}_spent")]
        if not tried or len(tried) < len(rows):
            continue
        for budget in budgets:
            solved = sum(is_solved(row, method, budget) for row in rows)
            ahead = sum(not is_settled(row, method, budget) for row in rows)
            tail = f", {ahead} not run yet" if ahead else ""
            print(f"  {method:12s} within {budget:>5,} {_share(solved, len(rows))}{tail}")
        calls = [int(row[f"{method}_call"]) for row in rows if is_solved(row, method, max(budgets))]
        seconds = sum(float(row[f"{method}_seconds"]) for row in rows)
        middle = f"median call of the solved {median(calls):.0f}, " if calls else ""
        print(f"  {method:12s} {middle}{seconds / len(rows):.1f} s for a start")


def _share(count: int, total: int) -> str:
    """Count, share and its 95% interval (Wilson 1927)."""
    share, z = count / total, 1.96
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return f"{count:3d} of {total} = {share:.0%} ({middle - half:.0%} to {middle + half:.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV file, one line for each start")
    parser.add_argument("--model", help="a shipped name or a model's folder; default: the shipped weights")
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--only", type=int, help="search from the first so many starts")
    parser.add_argument("--methods", nargs="*", default=["evolution"], choices=METHODS)
    parser.add_argument("--budgets", type=int, nargs="+", default=[300, 1000, 5000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--no-look-up", action="store_true", help="leave out the pass over MOSES train (minutes)")
    chosen = parser.parse_args()
    budgets = sorted(set(chosen.budgets))
    rows = read_or_draw(chosen.output, chosen)
    if not chosen.no_look_up and any(row.get("known", "") == "" for row in rows):
        print(f"look-up: {look_up(rows, moses('train')):,} known molecules read", flush=True)
    write(chosen.output, rows)
    known = read_known("molecules", None, "moses/train")
    searched = rows[: chosen.only]
    for method, budget in ((method, budget) for method in chosen.methods for budget in budgets):
        for row in [row for row in searched if not is_settled(row, method, budget)]:
            row["model"] = chosen.model or "shipped"
            improve(row, method, budget, known, chosen)
            write(chosen.output, rows)
        solved = sum(is_solved(row, method, budget) for row in searched)
        print(f"{method} within {budget:,}: {solved} of {len(searched)}", flush=True)
    report(rows, budgets)
    if len(searched) < len(rows):
        report(searched, budgets)


if __name__ == "__main__":
    main()
