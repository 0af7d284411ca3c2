"""What a folder must be after a kill, and after the command has been started again."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path

import yaml

from tests.golden_record.digests import TIMED_COLUMNS, without_columns

SNAKEMAKE = ".snakemake"
NOT_COMPARED = ("*/logs/*.log", "*/benchmarks/*.tsv", f"{SNAKEMAKE}/*")
"""What steps say and how long they took, and Snakemake's own records."""
TIMED = ("*log.csv",)
"""Tables with times, which are compared without these columns."""
UNFINISHED = (
    "*checkpoints/last.pt",
    "*log.csv",
    "*model/config.yaml",
    "*metrics.json",
    "*card.md",
    "predictor/train.json",
    "student/config.yaml",
    "*/members/*/weights.safetensors",
)
"""Files of final name that grow or change until a command ends; they must be complete at any time. The config of a
model gets checksums at the end; networks of a predictor have files of their own until then. Figures come after the
weights, and until then a predictor keeps what it was trained on."""


def contents(folder: Path) -> dict[str, str]:
    """Checksums of what is compared, by the path in the folder; folders have none."""
    return {
        name: "" if path.is_dir() else hashlib.sha256(_data(path, name)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if not any(fnmatch(name := path.relative_to(folder).as_posix(), one) for one in NOT_COMPARED)
    }


def _data(path: Path, name: str) -> bytes:
    content = path.read_bytes()
    return without_columns(content, TIMED_COLUMNS) if any(fnmatch(name, one) for one in TIMED) else content


def allowed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Checksums that each file may have while a command runs."""
    return {name: frozenset((before.get(name, ""), after.get(name, ""))) for name in {**before, **after}}


def half_written(folder: Path, known: Mapping[str, frozenset[str]]) -> list[str]:
    """Files that are neither complete nor hidden. known: `allowed`."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or any(part.startswith(".") for part in Path(name).parts):
            continue
        if any(fnmatch(name, one) for one in UNFINISHED):
            problem = READABLE[path.suffix](path)
        elif any(fnmatch(name, one) for one in NOT_COMPARED):
            problem = ""
        else:
            is_known = hashlib.sha256(_data(path, name)).hexdigest() in known.get(name, ())
            problem = "" if is_known else "neither the file before nor the one after"
        if problem:
            found.append(f"{name}: {problem}")
    return found


def _log(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    whole = text.endswith("\n") and len({len(row) for row in rows}) == 1
    return "" if whole else "an incomplete row"


def _text(path: Path) -> str:
    return "" if path.read_text(encoding="utf-8").endswith("\n") else "cut"


def _settings(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return "" if text.endswith("\n") and isinstance(yaml.safe_load(text), dict) else "cut"


def _checkpoint(path: Path) -> str:
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file raises
        return str(error)
    return ""


def _weights(path: Path) -> str:
    from safetensors.torch import load_file

    try:
        load_file(path)
    except Exception as error:  # whatever a damaged file raises
        return str(error)
    return ""


READABLE: Mapping[str, Callable[[Path], str]] = {
    ".csv": _log,
    ".pt": _checkpoint,
    ".yaml": _settings,
    ".json": _settings,
    ".md": _text,
    ".safetensors": _weights,
}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Files that are missing or have other bytes."""
    return [f"{name}: {'other bytes' if name in found else 'missing'}" for name in expected
            if found.get(name) != expected[name]]  # fmt: skip


def leftovers(expected: Mapping[str, str], found: Mapping[str, str], folder: Path) -> list[str]:
    """Files and folders that an unbroken command doesn't leave, and locks and marks of Snakemake."""
    marks = [path for part in ("locks", "incomplete") for path in (folder / SNAKEMAKE / part).glob("*")]
    return [*(found.keys() - expected.keys()), *(path.relative_to(folder).as_posix() for path in marks)]
