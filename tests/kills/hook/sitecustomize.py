"""Python imports this at its start. It strikes a command before its n-th change of a file in its folder.

Changes are counted over all processes of the command: each appends a byte to one file, whose size is the count.
"""

import os
import signal
import sys

FOLDER, COUNT, AT, HOW, HEAD = (f"SCIENCEGEN_KILLS_{name}" for name in ("FOLDER", "COUNT", "AT", "HOW", "HEAD"))
"""Variables: the watched folder, the file of the count, the change (0: none), how to strike, and the first process."""

CHANGES = {"open", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
"""Audit events; `os.replace` and `os.unlink` raise two of these."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


STRIKES = {
    "all": (os.killpg, signal.SIGKILL),
    "head": (os.kill, signal.SIGKILL),
    "term": (os.kill, signal.SIGTERM),
    "int": (os.kill, signal.SIGINT),
    "all-term": (os.killpg, signal.SIGTERM),
    "all-int": (os.killpg, signal.SIGINT),
}
"""How to strike: all processes of the group at once, or the first alone, by which signal."""


def strike(head, how, count):
    """Strike, and keep the time: that of the file `<count>.struck`."""
    os.close(os.open(f"{count}.struck", os.O_WRONLY | os.O_CREAT))
    send, number = STRIKES[how]
    send(head, number)


def watch(folder, count, at, how, head):
    """Count the changes below `folder` from now on."""
    busy = False

    def heard(event, arguments):
        nonlocal busy
        if busy or event not in CHANGES or (event == "open" and not (arguments[2] or 0) & WRITING):
            return
        busy = True
        try:
            if path_of(arguments).startswith(folder) and one_more(count) == at:
                strike(head, how, count)
        finally:
            busy = False

    sys.addaudithook(heard)


def path_of(arguments):
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)):
        return ""
    beside = arguments[-1] if isinstance(arguments[-1], int) and len(arguments) == 2 and arguments[-1] > 0 else None
    try:
        place = os.readlink(f"/proc/self/fd/{beside}") if beside else os.getcwd()
    except OSError:
        return ""
    return os.path.join(place, os.fsdecode(path))


def one_more(count):
    handle = os.open(count, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, b".")
        return os.fstat(handle).st_size
    finally:
        os.close(handle)


if os.environ.get(FOLDER):
    watch(*(os.environ[name] for name in (FOLDER, COUNT)), int(os.environ[AT]), os.environ[HOW], int(os.environ[HEAD]))
