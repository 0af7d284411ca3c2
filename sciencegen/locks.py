"""Locks of outputs: while one call writes a file or a folder, another one is refused."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from sciencegen.errors import ConfigError
from sciencegen.files import LOCK_ENDING, NO_LOCKS, drop_empty, make_folder


@contextmanager
def exclusive(lock: Path, target: Path, remedy: str) -> Iterator[None]:
    """Lock the file `lock` while the block runs; an error that names `target` if it is locked already.

    The operating system releases the lock of any process that ends, so a killed one never blocks the next. The file's
    text is used only in the error message; the file is removed at the end.
    """
    handle = _acquire(lock, target, remedy)
    try:
        handle.truncate(0)
        handle.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "command": sys.argv[:3]}))
        handle.flush()
        yield
    finally:
        lock.unlink(missing_ok=True)
        handle.close()
        _HELD.discard(lock.absolute())


@contextmanager
def reserved(*outputs: str | Path) -> Iterator[None]:
    """Keep outputs for this call until the block ends; an error if another call writes one of them.

    Blocks of one thread may be nested. The lock is the file `.<name>.output.lock` beside the output. An output that
    can't be written has none: what writes it says why.
    """
    with ExitStack() as stack:
        for output in outputs:
            if str(output) != "-":
                stack.enter_context(_reserved(Path(os.path.realpath(output))))
        yield


@contextmanager
def one_plate(journal: str | Path | None) -> Iterator[None]:
    """Refuse a call that chooses a plate while another one does for the same journal: both would choose the same items.

    The journal itself may be written meanwhile, by `record`."""
    if journal is None:
        yield
        return
    path = Path(os.path.realpath(journal))
    with _reserved(path, path.with_name(f".{path.name}.plate{LOCK_ENDING}"), "name another journal"):
        yield


@contextmanager
def _reserved(output: Path, lock: Path | None = None, remedy: str = "choose another `output`") -> Iterator[None]:
    lock = lock or (output.with_name(f".{output.name}{LOCK_ENDING}") if output.name else output)
    if not output.name or _THREADS.get(lock) == threading.get_ident():
        yield
        return
    with ExitStack() as stack:
        with suppress(OSError):
            stack.callback(drop_empty, make_folder(lock.parent))  # a call that fails leaves nothing
            stack.enter_context(exclusive(lock, output, remedy))
            _THREADS[lock] = threading.get_ident()
            stack.callback(_THREADS.pop, lock)
        yield


_THREADS: dict[Path, int] = {}
"""The thread that holds a lock of an output."""

_HELD: set[Path] = set()
"""Locks of this process, since the operating system's lock doesn't stop a process from locking twice."""

_ACQUIRING = threading.Lock()


def _acquire(lock: Path, target: Path, remedy: str) -> TextIO:
    """An open, locked file at `lock`."""
    import fcntl

    while True:
        with _ACQUIRING:
            if lock.absolute() in _HELD:
                raise _taken(target, "(this very process)", remedy)
            handle = open(lock, "a+", encoding="utf-8")  # noqa: SIM115 - it is open as long as the lock is held
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    handle.close()
                    raise _taken(target, _owner(lock), remedy) from None
            # The last owner may have removed the file between our open and our lock: then the locked file has no name.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle.fileno()), lock.stat()):
                    _HELD.add(lock.absolute())
                    return handle
            handle.close()


def _owner(lock: Path) -> str:
    with suppress(OSError):
        return lock.read_text(errors="replace")
    return ""


def _taken(target: Path, owner: str, remedy: str) -> ConfigError:
    return ConfigError(
        f"Expected {target} to be free, but another process writes there {owner}. Wait for it, stop it, or {remedy}."
    )
