"""The `sciencegen` command for programs that find a stand-in on their PATH: the stand-in asks this process to run it,
which has imported everything already. Most of a short command is that import."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

HEAD = 8
"""Bytes that say how long a request is."""
STAND_IN = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(request).to_bytes({head}, "big")], [1, 2])
    server.sendall(request)
    code = server.recv(9)
sys.exit(int(code or b"137"))
"""


class Commands:
    """bin: a folder for PATH with the stand-in. socket: where it asks."""

    def __init__(self, folder: Path) -> None:
        address = str(folder / "socket")
        self.bin, self.socket = folder / "bin", socket.socket(socket.AF_UNIX)
        self.bin.mkdir()
        command = self.bin / "sciencegen"
        command.write_text(STAND_IN.format(python=sys.executable, address=address, head=HEAD))
        command.chmod(0o755)
        self.socket.bind(address)
        self.socket.listen(100)

    def answer(self) -> None:
        """Run the command of one stand-in, in its folder and environment, with its streams."""
        connection, _ = self.socket.accept()
        with connection:
            head, descriptors, *_ = socket.recv_fds(connection, HEAD, 2)
            request = b""
            while len(request) < int.from_bytes(head, "big"):
                request += connection.recv(1 << 16)
            words, folder, environment = json.loads(request)
            with open(descriptors[0], "w") as out, open(descriptors[1], "w") as err:
                code = _run(words, folder, environment, out, err)
            connection.sendall(str(code).encode())


def _run(words: list[str], folder: str, environment: dict[str, str], out: TextIO, err: TextIO) -> int:
    """The exit code."""
    from sciencegen.cli.main import main

    before = sys.argv, os.getcwd(), dict(os.environ)
    sys.argv = ["sciencegen", *words]
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(own_process=False)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.argv = before[0]
        os.chdir(before[1])
        os.environ.clear()
        os.environ.update(before[2])
    return 0


@contextlib.contextmanager
def commands_here() -> Iterator[Commands]:
    """Give `bin` to the programs, and answer whenever `socket` is ready."""
    folder = Path(tempfile.mkdtemp(prefix="sciencegen-here-"))  # a socket's path has at most 107 characters
    commands = Commands(folder)
    try:
        yield commands
    finally:
        commands.socket.close()
        shutil.rmtree(folder)
