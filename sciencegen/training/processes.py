"""A training on several devices: the first process of a node starts the same command again for each other device.

The first process of the first node prepares the data, holds the folder's lock and writes. The others read what it
wrote, take part in the steps, and end with the training. If one of a node's processes is killed, the others end with an
error. On several nodes the user, or SLURM, starts the command on each, with the variables of `NODES`.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from sciencegen.data.threads import exit_code, worker_count
from sciencegen.errors import ConfigError, SciencegenError, Stopped
from sciencegen.training.progress import stop_on_signals

RANK, NODE_RANK = "LOCAL_RANK", "NODE_RANK"
NODES = (NODE_RANK, "MASTER_ADDR", "MASTER_PORT")
"""What a process of several nodes needs to know: its node, from 0, and the address and a free port of node 0."""
PARENT = "SCIENCEGEN_FIRST_PROCESS"
"""The id of the process that started this one."""
ARRIVED = "SCIENCEGEN_ARRIVED"
"""The pipe into which a process writes a byte when it is ready to meet the one that started it."""
VARIABLES = (RANK, *NODES, "WORLD_SIZE", PARENT, ARRIVED)
"""What is set for the processes of a training."""

CHECK_S = 0.5
"""Seconds between looks at whether the other processes run."""

GRACE_S = 5.0
"""Seconds in which the connection to a process that was killed breaks; after that, what waits for it is ended."""

END_S = 60.0
"""Seconds in which the other processes end after the training."""

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
    """A block that trains on several devices. A follower ends with it, by SystemExit.

    Raises
    ------
    SciencegenError
        If another process of this node has ended early.
    """
    if devices * nodes == 1:
        yield
        return
    if nodes > 1:
        _find_nodes()
    says_nothing = suppress(Stopped) if is_follower(devices, nodes) else nullcontext()  # the first process says so
    with says_nothing, _shared_cores(devices):
        if _is_started(devices):
            with stop_on_signals(), _ending_with(_lost_parent):  # a signal to all: the first process stops the steps
                if ARRIVED in os.environ:
                    with suppress(BrokenPipeError):  # the first process has just ended
                        os.write(int(os.environ[ARRIVED]), b".")
                yield
        else:
            with _followers(devices, nodes) as started, _group(), _ending_with(partial(_lost, started)):
                yield
    if is_follower(devices, nodes):
        raise SystemExit(0)


@contextmanager
def _shared_cores(devices: int) -> Iterator[None]:
    """Each process of a node computes with its share of the cores at most."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, min(threads, worker_count(0) // devices)))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _followers(devices: int, nodes: int) -> Iterator[list[subprocess.Popen]]:
    """The other processes of this node, unless something else has started them. They end with the block."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    started: list[subprocess.Popen] = []
    try:
        if devices > 1 and RANK not in os.environ:
            command = _command()
            with socket.create_server(("127.0.0.1", 0)) as server:
                free_port = int(server.getsockname()[1])
            found = {NODE_RANK: str(node_rank()), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
            os.environ.update(found | _present(before) | {RANK: "0", "WORLD_SIZE": str(devices * nodes)})
            read, write = os.pipe()
            try:
                for rank in range(1, devices):
                    own = {**os.environ, RANK: str(rank), PARENT: str(os.getpid()), ARRIVED: str(write)}
                    started.append(subprocess.Popen(command, env=own, pass_fds=[write]))
                _await_arrivals(started, read)
            finally:
                os.close(read)
                os.close(write)
        yield started
    except BaseException:
        for one in started:
            one.kill()
        raise
    finally:
        deadline = time.monotonic() + END_S
        for one in started:
            try:
                one.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                one.kill()
                exit_code(one)
        for name in VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(_present(before))


def _await_arrivals(started: Sequence[subprocess.Popen], pipe: int) -> None:
    """Wait until the processes are ready, which takes them seconds. Without it, this process would wait for them in a
    library that no signal reaches."""
    arrived = 0
    while arrived < len(started) and all(one.poll() is None for one in started):
        if select.select([pipe], [], [], CHECK_S)[0]:
            arrived += len(os.read(pipe, len(started)))


def _present(variables: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value is not None}


def _command() -> list[str]:
    """The command line of this process. -P: it imports nothing from the current folder, and so they don't either."""
    python = [sys.executable, "-P"] if sys.flags.safe_path else [sys.executable]
    module = vars(sys.modules["__main__"]).get("__spec__")  # a debugger's has none
    if module is not None:
        return [*python, "-m", module.name, *sys.argv[1:]]
    if not Path(sys.argv[0]).is_file():
        raise ConfigError(
            "Expected a command or a script that can be started again for each of the `devices`, got an interactive "
            "session. Put it in a file, or train on one device."
        )
    return [*python, os.path.abspath(sys.argv[0]), *sys.argv[1:]]


@contextmanager
def _group() -> Iterator[None]:
    """The next training of this process begins a group of its own."""
    try:
        yield
    finally:
        from torch import distributed

        if distributed.is_initialized():
            distributed.destroy_process_group()


@contextmanager
def _ending_with(lost: Callable[[], str]) -> Iterator[None]:
    """A block that ends with an error soon after `lost` says of another process that it has ended.

    Its connection breaks, which libraries report by a RuntimeError. Where the block waits for something else of that
    process, in code that no exception reaches, this process says so and ends at once.
    """
    done = threading.Event()
    threading.Thread(target=_watch, args=(lost, done), daemon=True).start()
    try:
        if text := lost():
            raise SciencegenError(text)
        yield
    except RuntimeError as error:
        deadline = time.monotonic() + 2 * CHECK_S
        while not (text := lost()) and time.monotonic() < deadline:  # a connection breaks before its process has ended
            time.sleep(CHECK_S / 10)
        if not text:
            raise
        raise SciencegenError(text) from error
    finally:
        done.set()


def _watch(lost: Callable[[], str], done: threading.Event) -> None:
    while not done.wait(CHECK_S):
        if (text := lost()) and not done.wait(GRACE_S):
            print(f"error: {text}", file=sys.stderr, flush=True)
            os._exit(SciencegenError.exit_code)


REMEDY = "Start the same command again: it goes on from the last checkpoint."


def _lost(started: Sequence[subprocess.Popen]) -> str:
    """What is said of the first of these processes that has failed, or nothing."""
    for rank, process in enumerate(started, 1):
        if code := process.poll():
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            remedy = REMEDY if code < 0 else "Its own error is above."
            expected = f"Expected the {len(started) + 1} processes of the training to end together"
            return f"{expected}, but process {rank} (pid {process.pid}) {how}. {remedy}"
    return ""


def _lost_parent() -> str:
    parent = os.environ.get(PARENT)
    if parent is None or os.getppid() == int(parent):
        return ""
    return f"Expected the processes of the training to end together, but the first one (pid {parent}) ended. {REMEDY}"


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
