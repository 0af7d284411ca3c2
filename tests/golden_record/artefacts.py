"""Artefacts of a version: configs, models, journals and prepared data that the code of later ones must still use.

`write` makes them, uses them, and keeps what the uses wrote in `expected/`; `load` uses them again in a copy."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from . import inputs
from .artefact_commands import EXPECTED, MADE, STOPPED, USES
from .digests import read
from .record import in_a_process, machine, set_environment

LARGE = ("images", "selfies")
"""Left out of what is committed. The shipped weights are of these recipes."""
MACHINE = "machine.json"
README = """These files were made by `make artefacts` with the code of sciencegen {version}: `MADE` in
`tests/golden_record/artefact_commands.py` has the command of each folder, and `expected/` has what the commands `USES`
wrote with them. They are made again only until {version} is released.
"""
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
CHECKPOINTS = "model/checkpoints/*"
LEDGER = re.compile(r',\s*"ledger": \{[^}]*\}')
"""An entry of a summary that earlier versions lack."""
NUMBER = re.compile(r"-?\d+\.?\d*(?:[eE][-+]?\d+)?")
DROPPED = (
    "*.log", ".snakemake", "runs", "cache", "run/**/*.html", "run/**/benchmarks", "run/**/logs",
    *(f"{name}/model/data" for name in ("variants", "conformers", "stamps", "images", "selfies", "smiles",
                                         "latent-diffusion", "table", "rows", "trials")),
    "oracles.yaml", "length.py", "gb1.fasta", "family.a2m", "variants.csv", "part.sdf", "workflow.yaml",
)  # fmt: skip
"""Not kept: caches, pages, and what no use reads."""
LOOSE = ("report-",)
"""Uses whose bytes aren't kept, since pages are long, but that must succeed."""
PIXELS = "*.fits"
"""Not kept of what a use writes: stamps, of which the table beside them has measurements."""
RECORDS = "*.provenance.json"
"""Not kept: they name the computer and its libraries."""
DRAWN = ("draw-", "generate-")
"""Uses whose results are compared on the same machine with the same libraries only, since draws differ on others.
Those of version 0.1.0 aren't kept."""


def write(folder: Path, names: Sequence[str]) -> int:
    """Make the artefacts with the code that is imported here, and keep what the uses write."""
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(README.format(version=folder.name))
    (folder / MACHINE).write_text(json.dumps(machine(), indent=1) + "\n")
    inputs.write_inputs(folder)
    inputs.write_short(folder)
    set_environment(folder)
    failed = 0
    for name in names:
        (folder / name).mkdir()
        code = in_a_process(name, MADE[name], folder.resolve(), CHECKPOINTS if name in STOPPED else "")
        failed += code != (143 if name in STOPPED else 0)
        tell(name, code, folder / f"{name}.log")
    for path in [path for pattern in DROPPED for path in folder.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="golden-") as other:
        copy = Path(other).resolve() / "copy"
        shutil.copytree(folder, copy)
        for name in uses_of(folder):
            code = use(name, copy)
            failed += code != 0
            tell(name, code, copy / EXPECTED / f"{name}.log")
        shutil.copytree(
            copy / EXPECTED,
            folder / EXPECTED,
            ignore=shutil.ignore_patterns("*.log", PIXELS, RECORDS, *(f"{one}*" for one in LOOSE)),
        )
    return int(failed > 0)


def version_of_code() -> str:
    """The version in work, as it will be released, or the released one."""
    return str(tomllib.loads(PYPROJECT.read_text())["project"]["version"])


def place_of_version(root: Path) -> Path:
    """The folder in `root` of the version in work, whose earlier artefacts are removed; an error if it is released."""
    version = version_of_code()
    place = root / version.partition(".dev")[0]
    if place.exists() and ".dev" not in version:
        raise SystemExit(f"Expected a version in work, found {version}, whose artefacts are in {place}.")
    shutil.rmtree(place, ignore_errors=True)
    return place


def tell(name: str, code: int, log: Path, more: str = "") -> None:
    print(f"{name}: {f'exit code {code}' if code or not more else more}", flush=True)
    if code not in (0, 143):
        print("    " + log.read_text()[-3000:].replace("\n", "\n    "), flush=True)


def uses_of(folder: Path) -> list[str]:
    """The uses whose artefacts are all there."""
    absent = [name for name in MADE if not (folder / name).is_dir()]
    return [name for name, text in USES.items() if not any(re.search(rf"(?<![\w-]){one}/", text) for one in absent)]


def use(name: str, copy: Path) -> int:
    """Run a use in a copy of the artefacts, where it writes to `expected/<name>`; the first exit code that isn't 0."""
    set_environment(copy)
    (copy / EXPECTED / name).mkdir(parents=True)
    codes = (in_a_process(f"{EXPECTED}/{name}", line, copy) for line in USES[name].splitlines())
    return next(filter(None, codes), 0)


def load(folder: Path) -> int:
    """Use the artefacts and compare with what the code that made them wrote; 1 if one can't be used, or differs."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="golden-") as other:
        copy = Path(other).resolve() / "copy"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(EXPECTED))
        for name in uses_of(folder):
            code = use(name, copy)
            told = "works"
            if not code and is_compared(name, folder):
                told = difference(folder / EXPECTED / name, copy / EXPECTED / name) or "the same"
            failed += bool(code) or told.startswith("differs")
            tell(name, code, copy / EXPECTED / f"{name}.log", told)
    return int(failed > 0)


def is_compared(name: str, folder: Path) -> bool:
    """Whether what a use writes must be what it was."""
    kept = (folder / EXPECTED / name).is_dir()
    return kept and (not name.startswith(DRAWN) or json.loads((folder / MACHINE).read_text()) == machine())


def difference(before: Path, now: Path) -> str:
    """How the files of two folders differ: "", close (numbers by rounding) or differs, and where."""
    names = [
        {
            str(path.relative_to(place))
            for path in place.rglob("*")
            if path.is_file() and not path.match(PIXELS) and not path.match(RECORDS)
        }
        for place in (before, now)
    ]
    if names[0] != names[1]:
        return f"differs: {', '.join(sorted(names[0] ^ names[1]))}"
    told = ""
    for name in sorted(names[0]):
        first, second = (read(place / name, place)[0] for place in (before, now))
        if first != second:
            if not are_close(before / name, now / name):
                return f"differs: {name}"
            told = f"close: {name}"
    return told


def are_close(before: Path, now: Path) -> bool:
    """Whether two files of text or arrays differ by rounding only."""
    import numpy as np

    if before.suffix == ".npz":
        with np.load(before) as first, np.load(now) as second:
            return first.files == second.files and all(_alike(first[key], second[key]) for key in first.files)
    if before.suffix == ".yaml":
        return _in_old_places(before) == _in_old_places(now)
    if before.suffix not in (".csv", ".json", ".sdf"):
        return False
    texts = [(read(path, path.parent)[0] or b"").decode() for path in (before, now)]
    if '"ledger"' not in texts[0]:  # until version 0.3
        texts[1] = LEDGER.sub("", texts[1])
    words = [NUMBER.sub("#", text) for text in texts]
    numbers = [[float(one) for one in NUMBER.findall(text)] for text in texts]
    return words[0] == words[1] and bool(np.allclose(*numbers, rtol=1e-3, atol=1e-4))


def _in_old_places(path: Path) -> dict[str, Any]:
    """A config with the keys of `settings` beside it, where they were until version 0.3."""
    sections = yaml.safe_load(path.read_text())
    own = {name: one.get("settings") for name, one in sections.items() if isinstance(one, dict)}
    return {
        name: {key: value for key, value in one.items() if key != "settings"} | own[name] if own.get(name) else one
        for name, one in sections.items()
    }


def _alike(first: Any, second: Any) -> bool:
    import numpy as np

    if first.dtype.kind != "f":
        return bool((first == second).all())
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=1e-3, atol=1e-3))
