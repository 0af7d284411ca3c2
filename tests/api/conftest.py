"""The command line, a folder for each test, and the files of a toy training."""

from tests.cli.conftest import _elsewhere, cli, workspace  # noqa: F401
