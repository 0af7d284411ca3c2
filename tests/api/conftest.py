"""The command line, a folder of its own for each test, and what a toy training leaves."""

from tests.cli.conftest import _elsewhere, cli, workspace  # noqa: F401
