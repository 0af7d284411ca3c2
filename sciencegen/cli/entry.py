"""The console script `sciencegen`. It imports next to nothing, so that an early Ctrl-C is no traceback."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Import the command, and run it."""
    try:
        from sciencegen.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(INTERRUPTED)
