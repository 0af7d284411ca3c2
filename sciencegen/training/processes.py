"""A training on several devices: Lightning starts the same command again for each device after the first of a node.

The first process of the first node prepares the data, holds the folder's lock and writes. The others read what it
wrote, take part in the steps, and end with the training. On several nodes the user, or SLURM, starts the command on
each, with the variables of `NODES`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sciencegen.errors import ConfigError, Stopped

RANK, NODE_RANK = "LOCAL_RANK", "NODE_RANK"
NODES = (NODE_RANK, "MASTER_ADDR", "MASTER_PORT")
"""What a process of several nodes needs to know: its node, from 0, and the address and a free port of node 0."""
VARIABLES = (RANK, "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE")
"""What Lightning sets for the processes that it starts, and leaves behind in this one."""

PR_SET_PDEATHSIG = 1


PATIENCE = 600.0
"""Seconds for which the processes of other nodes wait for the first one to prepare the data."""


def is_follower(devices: int, nodes: int = 1) -> bool:
    """Whether this is not the first process of a training on several devices or nodes."""
    return _is_started(devices) or (nodes > 1 and node_rank() != 0)


def _is_started(devices: int) -> bool:
    """Whether the first process of this node started this one."""
    return devices > 1 and os.environ.get(RANK, "0") != "0"


def node_rank() -> int:
    """The number of this machine among the nodes, from 0."""
    return int(os.environ.get(NODE_RANK, os.environ.get("GROUP_RANK", os.environ.get("SLURM_NODEID", "0"))))


def check_follows(going_on: Callable[[], bool], folder: Path, nodes: int = 1) -> None:
    """Raise an error in a follower without the files of a first process; that of another node may write them soon."""
    deadline = time.monotonic() + (PATIENCE if nodes > 1 and node_rank() != 0 else 0)
    while not going_on():
        if time.monotonic() >= deadline:
            raise ConfigError(_alone(folder, nodes))
        time.sleep(0.5)


def _alone(folder: Path, nodes: int) -> str:
    expected = f"Expected a training in {folder} whose first process started this one, found none"
    if nodes > 1:
        return (
            f"{expected} ({NODE_RANK} is {node_rank()}). Start the command on each of the `nodes` at the same time, "
            "with a folder that all of them see."
        )
    return f"{expected} ({RANK} is set). Start the command once: it starts a process for each of the `devices`."


def silent(text: str) -> None:
    """The log of a follower."""


@contextmanager
def in_processes(devices: int, nodes: int = 1) -> Iterator[None]:
    """A block that trains on several devices. A follower ends with it, by SystemExit."""
    if nodes > 1:
        _find_nodes()
    if is_follower(devices, nodes):
        if _is_started(devices):
            _end_with_parent()
        with suppress(Stopped):  # the first process says so
            yield
        raise SystemExit(0)
    before = {name: os.environ.get(name) for name in VARIABLES}
    if devices > 1:
        _check_command()
    try:
        yield
    finally:
        if devices * nodes > 1:
            _leave_group(before)


def _find_nodes() -> None:
    """Set the variables of `NODES` in a job of SLURM; raise an error where they are missing."""
    job, names = os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_JOB_NODELIST")
    if job and names:
        from lightning.pytorch.plugins.environments import SLURMEnvironment

        found = {
            NODE_RANK: str(node_rank()),
            "MASTER_ADDR": SLURMEnvironment.resolve_root_node_address(names),
            "MASTER_PORT": str(15000 + int(job) % 10000),
        }
        for name, value in found.items():
            os.environ.setdefault(name, value)
    if missing := [name for name in NODES if name not in os.environ]:
        raise ConfigError(
            f"Expected the variables {', '.join(NODES)} with several `nodes`, found no {', '.join(missing)}. Start the "
            "command on each node with its number, from 0, and the address and a free port of node 0; or by srun in a "
            "job of SLURM, with one task for each node."
        )


def _leave_group(before: dict[str, str | None]) -> None:
    """The next training of this process starts processes of its own."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _end_with_parent() -> None:
    """Linux ends this process when its parent is killed, even in a step that waits for the parent's gradients."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _check_command() -> None:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if RANK not in os.environ and module is None and not Path(sys.argv[0]).is_file():
        raise ConfigError(
            "Expected a command or a script that can be started again for each of the `devices`, got an interactive "
            "session. Put it in a file, or train on one device."
        )
