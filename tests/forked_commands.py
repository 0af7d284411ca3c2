"""The `sciencegen` command in processes forked from one that has imported what it needs: most of a short command is
that import. For commands that another program starts, which finds a stand-in on its PATH.

    python -m tests.forked_commands SOCKET      # what `forked_commands` starts
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PRELOADED = (
    "torch._dynamo", "lightning.pytorch", "pandas", "pyarrow.parquet", "scipy.stats", "sklearn.linear_model",
    "matplotlib.pyplot", "sciencegen.cli.main",
)  # fmt: skip
HEAD = 8
"""Bytes that say how long a request is."""
STAND_IN = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(request).to_bytes({head}, "big")], [0, 1, 2])
    server.sendall(request)
    code = server.recv(9)
sys.exit(int(code or b"137"))
"""


@contextmanager
def forked_commands(environment: Mapping[str, str]) -> Iterator[Path]:
    """A folder for PATH whose `sciencegen` is forked from a process that was started in this environment."""
    folder = Path(tempfile.mkdtemp(prefix="sciencegen-forked-"))  # a socket's path has at most 107 characters
    address = str(folder / "socket")
    (folder / "stand_in.py").write_text(STAND_IN.format(address=address, head=HEAD))
    (folder / "bin").mkdir()
    command = folder / "bin" / "sciencegen"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -SE {folder / "stand_in.py"} "$@"\n')
    command.chmod(0o755)
    words = [sys.executable, "-m", "tests.forked_commands", address]
    server = subprocess.Popen(words, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == b"ready\n"
        yield folder / "bin"
    finally:
        server.stdin.close()
        server.wait(60)
        server.stdout.close()
        shutil.rmtree(folder)


def serve(address: str) -> None:
    """Fork a process for each request, until the standard input ends."""
    for name in PRELOADED:
        with suppress(ImportError):
            import_module(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(100)
        print("ready", flush=True)
        while True:
            readable, _, _ = select.select([listener, sys.stdin], [], [], 1.0)
            with suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            if sys.stdin in readable:
                return
            if listener in readable:
                connection, _ = listener.accept()
                with connection:
                    if os.fork() == 0:
                        listener.close()
                        _work(connection)


def _work(connection: socket.socket) -> None:
    """The command of a request; its exit code is the answer."""
    code = 1
    try:
        _take_place_of_caller(connection)
        from sciencegen.cli.main import main

        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with suppress(OSError):
            connection.sendall(str(code).encode())
        os._exit(code)


def _take_place_of_caller(connection: socket.socket) -> None:
    """Its arguments, folder, environment, and standard streams."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    head, streams, *_ = socket.recv_fds(connection, HEAD, 3)
    request = b""
    while len(request) < int.from_bytes(head, "big"):
        request += connection.recv(1 << 16)
    words, folder, environment = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["sciencegen", *words]


if __name__ == "__main__":
    serve(sys.argv[1])
