"""Files that are written atomically, and their checksums. `data` and `runs` use it."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

from sciencegen.errors import ConfigError

NUMBA_CONFIG = ".numba_config.yaml"
CONFIGS = frozenset({"matplotlibrc", NUMBA_CONFIG})
"""Names of files with which libraries are configured if they lie in the current folder."""
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a write: a full disk, a quota, a limit of the size of files."""


def configures(path: Path) -> bool:
    """Whether a library would be configured by the file, if its folder were the current one."""
    return path.name.casefold() in CONFIGS


def temporary_sibling(path: Path) -> Path:
    """A new hidden name in the folder of `path`: on the same file system, so that a rename to `path` is atomic."""
    return path.with_name(f".{path.name}.{owner_tag()}.tmp")


def owner_tag() -> str:
    """A new name that tells `is_abandoned` the process and the host that it belongs to: `<pid>-<host><random>`."""
    return f"{os.getpid()}-{_host_tag()}{secrets.token_hex(4)}"


def is_abandoned(tag: str) -> bool:
    """Whether the process that an `owner_tag` names has ended. False for other hosts, which may share the disk."""
    found = re.fullmatch(r"(\d+)-([0-9a-f]{4})?[0-9a-f]{8}", tag)  # earlier versions didn't name the host
    return found is not None and found[2] in (None, _host_tag()) and not process_is_alive(int(found[1]))


def _host_tag() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:4]


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and its parents; returns those that didn't exist before, deepest first. A link to a folder that
    doesn't exist yet is followed."""
    folder = Path(os.path.realpath(folder))
    check_depth(folder)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return made


MOST_FOLDERS = 200
"""Of an output: Python removes folders by a function that calls itself."""


def check_depth(path: str | Path) -> None:
    """Raise an error for an output in too many folders."""
    parts = Path(path).parts
    if len(parts) > MOST_FOLDERS:
        raise ConfigError(
            f"Expected an output in at most {MOST_FOLDERS} folders, got {len(parts):,}: "
            f"{'/'.join(parts[:3]).replace('//', '/')}/.../{parts[-1]}. Name a shorter path."
        )


def version_of(path: str | Path) -> tuple[int, ...]:
    """What tells a file from the one that was there before, for a cache of its content. Its time alone doesn't: an
    archive may keep it, and a clock may go back."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def files_below(folder: str | Path) -> Iterator[Path]:
    """The files in a folder and in those below it, however many levels there are. Links to folders aren't followed, and
    folders that aren't there, or go in the meantime, have none."""
    left = [os.fspath(folder)]
    while left:
        with suppress(PermissionError, FileNotFoundError), os.scandir(left.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
                elif entry.is_file():
                    yield Path(entry.path)


def drop_empty(folders: Iterable[Path]) -> None:
    """Remove those of these folders that are empty, so that a failed command leaves none."""
    for place in folders:
        with suppress(OSError):
            place.rmdir()  # removes only empty folders


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file next to `path`; it becomes `path` when the block ends, and is removed if the block fails.

    If the process is killed, there is the old file or the new one, never an incomplete one; what it leaves of the new
    one is removed when `path` is written next. mode: "w" (UTF-8, line feeds) or "wb". A link stays one: its target is
    written. An earlier file's permissions are kept.
    """
    path = linked(path)
    check_regular(path)
    if configures(path):  # its content may come from a file or a program of others
        raise ConfigError(f"Expected another name for a file to write than '{path.name}', which configures a library.")
    made = make_folder(path.parent)
    for left in abandoned(path):
        with suppress(OSError):
            left.unlink()
    temporary = temporary_sibling(path)
    try:
        with _opened(temporary, path, "b" in mode) as handle:
            with suppress(OSError):  # no earlier file, or a file system without permissions
                os.fchmod(handle.fileno(), stat.S_IMODE(path.stat().st_mode) & 0o777)
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        drop_empty(made)
        _name_file(error, path)
        raise


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder next to `path`; it becomes `path` when the block ends, and is removed if the block fails."""
    path = linked(path).absolute()
    made = make_folder(path.parent)
    _sweep_abandoned(path)
    temporary = temporary_sibling(path)
    temporary.mkdir()
    try:
        yield temporary
        replace_folder(temporary, path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        drop_empty(made)
        _name_file(error, path)
        raise


def linked(path: str | Path) -> Path:
    """The path that a symbolic link stands for; other paths unchanged. A rename to a link would replace the link."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)


def check_regular(path: str | Path, purpose: str = "the output") -> None:
    """Raise an error for a device or a pipe: a rename would replace it, and reading it may never end."""
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise ConfigError(f"Expected a file for {purpose}, {path} is a device or a pipe. Name a file.")


def found_at(path: str | Path) -> str:
    """What is at a place where a file to read was expected, for an error."""
    if os.path.isdir(path):
        return "a folder"
    if not os.path.exists(path):
        return "nothing"
    return "a file" if os.path.isfile(path) else "a device or a pipe, whose content must be saved in a file first"


def last_line(path: str | Path, most: int = 1 << 16) -> str:
    """The last line of a log that may be large, "" if there is none. most: bytes at its end that are read."""
    lines: list[str] = []
    if os.path.isfile(path):  # reading a pipe or a device may never end
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - most))
            lines = file.read(most).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


class _TargetFile(io.FileIO):
    """A temporary file whose errors name the file that it becomes."""

    def __init__(self, temporary: Path, target: Path) -> None:
        super().__init__(temporary, "w")
        self._target = target

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            _name_file(error, self._target)
            raise


def _opened(temporary: Path, target: Path, binary: bool) -> IO[Any]:
    packed = io.BufferedWriter(_TargetFile(temporary, target))
    return packed if binary else io.TextIOWrapper(packed, encoding="utf-8", newline="", errors="backslashreplace")


def _name_file(error: BaseException, path: Path) -> None:
    """Give the path to an error of a full disk and the like: the system's error of a write doesn't name the file."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        error.filename = str(path)


def replace_folder(new: Path, path: Path) -> None:
    """Rename `new` to `path`. An old folder there is moved aside first and put back if the rename fails."""
    if not path.exists():
        new.rename(path)
        return
    old = temporary_sibling(path)
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def held(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock of this process in the block. Ctrl-C interrupts the wait for it."""
    while not lock.acquire(timeout=PAUSE_S):
        pass
    try:
        yield
    finally:
        lock.release()


@contextmanager
def turn_at(path: Path) -> Iterator[None]:
    """A lock for one process and one thread at a time; the others wait. The system releases it if a process dies.

    The file `.<name>.lock` beside `path` is locked by `lockf`, which holds between the nodes of a network file system:
    `flock`, or a lock on a folder, may hold on one node only. It is removed by the last owner.
    """
    path = linked(path)  # of several links to one file, all take the same lock
    place = path.with_name(f".{path.name}.lock")
    with held(_THREADS.setdefault(place.absolute(), threading.Lock())):  # `lockf` doesn't stop threads of this process
        handle = _locked_handle(place, path)
        try:
            yield
        finally:
            place.unlink(missing_ok=True)  # while it is locked: those who wait for this file will make a new one
            os.close(handle)


_THREADS: dict[Path, threading.Lock] = {}

PATIENCE_S, PAUSE_S = 2.0, 0.05
"""Seconds after which a note says what a process waits for, and most seconds between attempts. Ctrl-C doesn't always
interrupt a wait without an end."""


def _locked_handle(place: Path, path: Path) -> int:
    """An open, locked file at `place`. It is tried again and again, since a library may have told the system that
    signals don't interrupt a call that waits."""
    import fcntl

    started, pause, told = time.monotonic(), PAUSE_S / 64, False
    while True:
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        taken = False
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            taken = error.errno in TAKEN
            if not taken and error.errno not in NO_LOCKS:
                os.close(handle)
                raise
        with suppress(FileNotFoundError):  # the last owner may have removed it between our open and our lock
            if not taken and os.path.samestat(os.fstat(handle), place.stat()):
                return handle
        os.close(handle)
        if taken:
            if not told and time.monotonic() - started > PATIENCE_S:
                told = True
                warnings.warn(f"waiting for another process that writes {path}", stacklevel=2)
            time.sleep(pause)
            pause = min(2 * pause, PAUSE_S)


TAKEN = {errno.EAGAIN, errno.EACCES}
"""Errors of a lock that another process holds."""
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}
"""Errors of file systems without locks."""


def process_is_alive(pid: int) -> bool:
    """Whether a process with this id runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, but belongs to another user
        return True
    return True


def abandoned(path: Path) -> list[Path]:
    """What killed processes left of files or folders that should have become `path`."""
    start, end = f".{path.name}.", ".tmp"
    with suppress(OSError), os.scandir(path.parent) as entries:
        names = [one.name for one in entries if one.name.startswith(start) and one.name.endswith(end)]
        return [path.with_name(name) for name in sorted(names) if is_abandoned(name[len(start) : -len(end)])]
    return []


def _sweep_abandoned(path: Path) -> None:
    """Restore a folder that a killed replacement had moved aside, and remove incomplete folders of dead processes."""
    for left in abandoned(path):
        if not path.exists() and (left / COMPLETE).exists():
            left.rename(path)
        else:
            shutil.rmtree(left, ignore_errors=True)


COMPLETE = "dataset.json"
"""Written last into a folder, so that a folder without it is incomplete."""


LOCK_ENDING = ".output.lock"
"""Of the locks beside outputs."""


def sha256_of(path: str | Path) -> str:
    """The hexadecimal SHA-256 of a file; of a folder, that of the names and checksums of its files without locks."""
    if Path(path).is_dir():
        files = sorted(one for one in files_below(path) if not one.name.endswith(LOCK_ENDING))
        listing = "".join(f"{sha256_of(one)}  {one.relative_to(path).as_posix()}\n" for one in files)
        return hashlib.sha256(listing.encode()).hexdigest()
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


TRIAL = "trial"
"""The name of the temporary folder of `check_writable`, without its owner."""


def check_writable(path: str | Path, setting: str, remedy: str = "") -> None:
    """Raise an error if no file or folder can be made at `path`, before minutes of work for it. remedy: what the error
    advises, by default another `setting`.

    It is tested by writing, since nothing else detects all problems (the length of names, a read-only disk, a file in
    place of a folder): in a temporary folder, with the longest name of the files next to an output. Those that killed
    processes left are removed.
    """
    check_regular(path, setting)
    place = Path(os.path.realpath(path))
    check_depth(place)
    if not place.name:
        raise ConfigError(f"Expected a name for {setting}, got {path}.")
    try:
        there = next(folder for folder in place.parents if os.path.lexists(folder))
        if not there.is_dir():
            found = "a file" if there.exists() else "a link to itself"
            raise ConfigError(f"Expected a folder at {there}, found {found}. Pass another {setting}.")
        for left in abandoned(there / TRIAL):
            shutil.rmtree(left, ignore_errors=True)
        trial = temporary_sibling(there / TRIAL)
        try:
            tried = trial / temporary_sibling(place.with_name(f"{place.name}.rejects.csv")).relative_to(there)
            tried.parent.mkdir(parents=True)
            tried.touch()
        finally:
            shutil.rmtree(trial, ignore_errors=True)
    except OSError as error:
        raise ConfigError(
            f"Expected a place for {setting} that can be written to, got {path}: {error.strerror}. "
            f"{remedy or f'Pass another {setting}.'}"
        ) from None


STORE = ".zarr"
"""The ending of an output that is a folder: a store of arrays."""
NODES = ("zarr.json", ".zgroup", ".zarray")
"""Files that tell such a folder, in Zarr's formats 3 and 2."""


def is_replaceable_store(path: str | Path) -> bool:
    """Whether a path is a folder of Zarr, which a new one may replace."""
    place = Path(path)
    return place.name.lower().endswith(STORE) and place.is_dir() and any((place / name).exists() for name in NODES)


def remove_output(path: str | Path) -> None:
    """Remove a file, or a folder of Zarr, if it exists."""
    if is_replaceable_store(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        Path(path).unlink(missing_ok=True)


_PLACE_IN_FILE = re.compile(r"\[\d+\]$")
_INPUTS = set[Path]()


def is_input(path: Path) -> bool:
    """Whether a running command reads this file, which nothing may then be written over."""
    return path.exists() and path.resolve() in _INPUTS


def claim_output(output: str, force: bool, *, folder: bool = False, inputs: Iterable[str | None] = ()) -> None:
    """Raise an error for an output that exists or can't be written, before anything is computed. Folders are made only
    when something is written to them, so that a failed command leaves none.
    inputs: files that must not be written over, or an item of one, `stamps.fits[3]`."""
    read = [_PLACE_IN_FILE.sub("", one) for one in inputs if one is not None]
    _INPUTS.update(Path(one).resolve() for one in read if os.path.isfile(one))
    if output == "-":
        return
    check_writable(output, "`output`")
    path = Path(output)
    if path.exists() and not force and not (folder and path.is_dir() and not any(path.iterdir())):
        raise ConfigError(f"{output} exists. Pass `force` to overwrite it, or another `output`.")
    if path.is_file() and folder:
        raise ConfigError(f"Expected a folder for `output`, {output} is a file. Pass another `output`.")
    if path.is_dir() and not folder and not is_replaceable_store(path):
        raise ConfigError(f"Expected a file for `output`, {output} is a folder.")
    if path.is_file() and path.name.lower().endswith(STORE):
        raise ConfigError(f"Expected nothing or a folder of Zarr at {output}, found a file. Pass another `output`.")
    if not folder:  # refused rows of an earlier run would look like this run's
        check_rejects(output, read)
        Path(f"{output}.rejects.csv").unlink(missing_ok=True)


REJECTS_HEADERS = ("line,item,reason", "source,line,item,reason")
"""How tables of refused rows begin."""


def check_rejects(output: str | Path, inputs: Iterable[str | None] = ()) -> None:
    """Raise an error if the table of refused rows of `output` would replace an input, or another file of the user's."""
    place = Path(f"{output}.rejects.csv")
    if not place.exists():
        return
    if not place.is_file():
        raise ConfigError(f"Expected nothing or a table of refused rows at {place}, found no file. Rename it.")
    if any(source and os.path.exists(source) and os.path.samefile(source, place) for source in inputs):
        raise ConfigError(
            f"Expected other files to read than {place}, where refused rows of {output} are listed. Rename it."
        )
    with open(place, encoding="utf-8-sig", errors="replace") as handle:
        header = handle.readline(100).strip()
    if header and header not in REJECTS_HEADERS:
        raise ConfigError(
            f"Expected nothing or a table of refused rows at {place}, found another file ({header!r}). Rename it."
        )


# Locks of outputs: while one call writes a file or a folder, another one is refused.


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


def check_apart(output: str | Path, journal: str | Path | None, setting: str = "`output`") -> None:
    """Raise an error if a plate would be written over its journal."""
    if journal is not None and os.path.realpath(journal) == os.path.realpath(output):
        raise ConfigError(f"Expected another file for {setting} than the journal, got {output} for both.")


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
    if not output.name or _LOCKING_THREADS.get(lock) == threading.get_ident():
        yield
        return
    with ExitStack() as stack:
        with suppress(OSError):
            stack.callback(drop_empty, make_folder(lock.parent))  # a call that fails leaves nothing
            stack.enter_context(exclusive(lock, output, remedy))
            _LOCKING_THREADS[lock] = threading.get_ident()
            stack.callback(_LOCKING_THREADS.pop, lock)
        yield


_LOCKING_THREADS: dict[Path, int] = {}
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
