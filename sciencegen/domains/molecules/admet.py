"""Absorption, distribution, metabolism, excretion and toxicity by ADMET-AI, as oracles: `admet:hERG`.

ADMET-AI (Swanson et al., Bioinformatics 2024, 40, btae416) has two ensembles of five message-passing networks, trained
on 41 sets of the Therapeutics Data Commons. Importing it takes 10 to 90 seconds. This file run as a program loads it
once and answers until its input ends; all oracles of a process share one such program.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from sciencegen.data.threads import exit_code
from sciencegen.errors import ConfigError, nearest_names
from sciencegen.files import last_line
from sciencegen.items import Direction
from sciencegen.scoring.oracles import Score, shortened

PREFIX = "admet:"
PACKAGE = "admet_ai"
COMPUTED = "Physicochemical"
"""Category of what RDKit computes, which are properties here."""
HARMFUL = "Toxicity"
"""Category of endpoints of which less is better; for others it depends on the aim (passage into the brain)."""
UNITS = {"Caco2_Wang": "log(cm/s)"}
"""Instead of the table's. It states 10^-6 cm/s, but the data and the predictions are in cm/s."""
START_S, ITEM_S = 600.0, 10.0
"""Seconds after which the program is ended: to load the networks, and for each molecule."""
WAVE = 500
"""Molecules at once; they take some 100 MB."""
WAIT_S = 0.5
"""As in `data.threads`: a signal may not end a longer wait."""


@cache
def endpoints() -> Mapping[str, Mapping[str, str]]:
    """The endpoints by their id, as rows of ADMET-AI's own table: `name`, `category`, `task_type`, `units`, `species`,
    `size` (number of measurements), and `AUROC`, or `R^2` and `MAE`, of molecules held out by its authors.

    Raises
    ------
    ConfigError
        If the package isn't installed.

    Examples
    --------
    >>> from sciencegen.domains.molecules.admet import endpoints
    >>> endpoints()["hERG"]["name"]  # doctest: +SKIP
    'hERG Blocking'
    """
    found = find_spec(PACKAGE)  # imports nothing
    if found is None or found.origin is None:
        raise ConfigError(
            f"Expected the package admet-ai for `{PREFIX}...`, which isn't installed. "
            "Install it: pip install 'sciencegen[admet]'"
        )
    table = Path(found.origin).parent / "resources" / "data" / "admet.csv"
    with open(table, newline="", encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file) if row["category"] != COMPUTED}
    return {name: {**row, "units": UNITS.get(name, row["units"])} for name, row in rows.items()}


def found_endpoint(name: str) -> str:
    """The id of an endpoint, from itself or from the beginning of only one; capitals don't matter."""
    known = list(endpoints())
    near = [one for one in known if name and one.casefold().startswith(name.casefold())]
    near = [one for one in near if len(one) == len(name)] or near
    if len(near) == 1:
        return near[0]
    short = {one.partition("_")[0]: one for one in known}
    near = near or list(dict.fromkeys(short.get(one, one) for one in nearest_names(name, [*short, *known])))
    meant = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."
    raise ConfigError(f"Expected an endpoint of ADMET-AI, got '{name}'. {meant}")


@dataclass(frozen=True)
class AdmetOracle:
    """Predictions for one endpoint, by the program that all endpoints share."""

    name: str
    endpoint: str
    unit: str
    direction: Direction | None
    wave: int = WAVE

    @property
    def identity(self) -> str:
        """Equal scores share a cache, however the endpoint is written."""
        return f"{PREFIX}{self.endpoint}, {PACKAGE} {version(PACKAGE)}"

    def score(self, items: Sequence[Any]) -> list[Score]:
        from sciencegen.domains.molecules.items import text

        scores: list[Score] = []
        for first in range(0, len(items), WAVE):
            scores += self._score(tuple(text(item) for item in items[first : first + WAVE]))
        return scores

    def _score(self, smiles: tuple[str, ...]) -> list[Score]:
        try:
            found = predicted(smiles)
        except RuntimeError as error:
            return [Score(None, failure=shortened(str(error)))] * len(smiles)
        return [
            Score(None, failure=shortened(one)) if isinstance(one, str) else Score(one[self.endpoint]) for one in found
        ]


def admet_oracle(name: str) -> AdmetOracle | None:
    """The oracle of a name such as "admet:hERG", or None for a name of another kind."""
    if not name.startswith(PREFIX):
        return None
    endpoint = found_endpoint(name.removeprefix(PREFIX))
    row = endpoints()[endpoint]
    direction: Direction | None = "minimize" if row["category"] == HARMFUL else None
    return AdmetOracle(name, endpoint, row["units"].strip("-"), direction)


_LOCK = threading.Lock()


@lru_cache(maxsize=4)  # the next endpoints are asked for the same molecules
def predicted(smiles: tuple[str, ...]) -> Sequence[dict[str, float] | str]:
    """For each molecule the values by endpoint, or why it has none. RuntimeError if the program fails."""
    with _LOCK:
        return _program().ask(smiles)


@cache
def _program() -> Program:
    return Program()


class Program:
    """A running program with the networks. It ends with its input, that is, with this process."""

    def __init__(self) -> None:
        self.log = tempfile.NamedTemporaryFile()  # noqa: SIM115  # open as long as the program
        self.started = False
        self.process = subprocess.Popen(
            [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            start_new_session=True,  # Ctrl-C is for this process
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},  # which all change the rounding
        )  # fmt: skip

    def ask(self, smiles: Sequence[str]) -> Sequence[dict[str, float] | str]:
        """The answer to a batch; after an error or an interruption the next batch gets another program."""
        limit = ITEM_S * len(smiles) + (0.0 if self.started else START_S)
        try:
            answer = json.loads(self._answer(json.dumps(smiles), time.monotonic() + limit))
            self.started = True
            return answer
        except BaseException as error:
            self.process.kill()
            exit_code(self.process)
            _program.cache_clear()
            if isinstance(error, TimeoutError):
                raise RuntimeError(f"ADMET-AI gave no answer in {limit:g} s") from None
            if isinstance(error, (OSError, ValueError)):
                raise RuntimeError(f"ADMET-AI ended: {last_line(self.log.name) or 'no reason given'}") from None
            raise

    def _answer(self, question: str, end: float) -> bytes:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{question}\n".encode())
        self.process.stdin.flush()
        while not wait([self.process.stdout], WAIT_S):  # type: ignore[list-item]  # has a descriptor
            if time.monotonic() > end:
                raise TimeoutError
        return self.process.stdout.readline()


def main() -> None:
    """Answer each line, a list of SMILES, with a list of values by endpoint, or of reasons. What the libraries print
    goes to the log."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import torch
    from admet_ai import ADMETModel

    torch.set_num_threads(1)
    model = ADMETModel(include_physchem=False, drugbank_path=None, num_workers=0)

    def values(smiles: Sequence[str]) -> list[dict[str, float] | str]:
        try:
            frame = model.predict(smiles=list(dict.fromkeys(smiles)))
            made = {
                text: {name: float(f"{value:.6g}") for name, value in row.items()} for text, row in frame.iterrows()
            }
            return [made.get(text, "ADMET-AI can't read it") for text in smiles]
        except Exception as error:  # of four packages: the reason is the item's
            return (
                [one for text in smiles for one in values([text])] if len(smiles) > 1 else [f"ADMET-AI fails: {error}"]
            )

    for line in sys.stdin:
        print(json.dumps(values(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
