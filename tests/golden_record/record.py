"""Run entries in one folder, take the digests of what each writes, and compare two records."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import inputs
from .digests import PROSE, Digests, digests_of
from .entries import ENTRIES, OUT
from .python_calls import run_snippet

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "CUDA_VISIBLE_DEVICES": "", "SCIENCEGEN_OFFLINE": "1",
    "COLUMNS": "200", "TZ": "UTC",
}  # fmt: skip
"""Of every entry: one thread, no GPU, no network."""
THREADED = ("encode", "decode", "interpolate", "generate", "score", "predict", "optimize", "propose", "record",
            "backtest", "train", "evaluate", "benchmark", "datasets prepare")  # fmt: skip
"""Verbs with the flag --threads; the bytes of a training depend on it."""
PRELOADED = ("torch", "pandas", "pyarrow.parquet", "scipy.stats", "sklearn.linear_model", "lightning.pytorch",
             "rdkit.Chem", "botorch.models", "selfies", "matplotlib.pyplot", "astropy.io.fits", "galsim")  # fmt: skip
"""Third-party modules that every entry's process inherits: imports would take half of the time."""
LIBRARIES = ("numpy", "torch", "lightning", "rdkit", "scikit-learn", "scipy", "pandas", "pyarrow", "botorch", "galsim")


def machine() -> dict[str, str]:
    """What the digests depend on beside the code."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    import torch

    return found | {"cpu": torch.backends.cpu.get_cpu_capability()}


def needed(names: Sequence[str]) -> list[str]:
    """The entries and those whose files they read, in the table's order."""
    wanted, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        read = set(re.findall(r"[\w-]+(?=/)", ENTRIES[name]))
        waiting += [other for other in ENTRIES if other in read and other not in wanted]
    return [name for name in ENTRIES if name in wanted]


def set_environment(folder: Path) -> None:
    """For what runs in `folder`, and the modules that all of it needs."""
    os.environ |= ENVIRONMENT | {"SCIENCEGEN_CACHE": str(folder.resolve() / "cache")}
    for name in PRELOADED:
        with suppress(ImportError):
            import_module(name)


def record_entries(names: Sequence[str], folder: Path) -> dict[str, Digests]:
    """The digests of each entry, run one after the other in `folder`."""
    set_environment(folder)
    inputs.write_inputs(folder)
    found = {}
    for name in names:
        began, before = time.perf_counter(), set(folder.glob("runs/*"))
        (folder / name).mkdir()
        code = in_a_process(name, ENTRIES[name], folder)
        found[name] = {"exit code": str(code), **digests_of(folder / name, folder)}
        for path in set(folder.glob("runs/*")) - before:  # a family's model, in a folder named by its settings
            found[name] |= {f"runs/{path.name}/{file}": one for file, one in digests_of(path, folder).items()}
        seconds = time.perf_counter() - began
        print(f"{name}: exit code {code}, {len(found[name]) - 1} digests, {seconds:.1f} s", flush=True)
    return found


def in_a_process(name: str, text: str, folder: Path, stop_at: str = "") -> int:
    """Run an entry in a child process, its messages in `<folder>/<name>.log`; returns its exit code.

    stop_at: the child gets SIGTERM once a file of this pattern is in the entry's folder."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(folder)
            log = os.open(f"{name}.log", os.O_WRONLY | os.O_CREAT)
            os.dup2(log, 1)
            os.dup2(log, 2)
            code = _run(text.replace(OUT, name), Path(name))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    if stop_at:
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if any((folder / name).glob(stop_at)):
                os.kill(child, signal.SIGTERM)
                break
            time.sleep(0.01)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run(text: str, out: Path) -> int:
    """A command line, or Python statements."""
    if not text.startswith("sciencegen "):
        run_snippet(text, out)
        return 0
    from sciencegen.cli.main import main

    command, arrow, target = text.partition(" > ")
    words = shlex.split(command)
    if any(command.startswith(f"sciencegen {verb} ") for verb in THREADED):
        words += ["--threads", "1"]
    if arrow:
        sys.stdout.flush()
        os.dup2(os.open(target.strip(), os.O_WRONLY | os.O_CREAT), 1)
    sys.argv = words
    try:
        main(own_process=False)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """Print what differs; 1 if anything does but prose."""
    if before["machine"] != after["machine"]:
        print("another machine or other libraries, so bytes may differ for that reason alone:")
        for name, value in sorted(after["machine"].items()):
            if before["machine"].get(name) != value:
                print(f"  {name}: {before['machine'].get(name)} then, {value} now")
    for name in before["entries"].keys() - ENTRIES.keys():
        print(f"no such entry any more: {name}")
    changed = prose = same = 0
    for name, now in after["entries"].items():
        then = before["entries"].get(name)
        if then is None:
            print(f"new entry: {name}")
            continue
        for file in sorted(then.keys() | now.keys()):
            if then.get(file) == now.get(file):
                same += 1
                continue
            what = "missing" if file not in now else "new" if file not in then else "changed"
            is_prose = file.endswith(PROSE)
            prose, changed = prose + is_prose, changed + (not is_prose)
            told = f" ({then[file]} then, {now[file]} now)" if file == "exit code" else ""
            print(f"{what}: {name}/{file}{told}")
    print(json.dumps({"same": same, "changed": changed, "prose changed": prose}))
    return int(changed > 0)
