"""The console script: a Ctrl-C while the command is imported, or before it takes care of its end, is no traceback."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from sciencegen import __version__
from sciencegen.cli import entry

INTERRUPTED_IMPORT = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "sciencegen.cli.main":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from sciencegen.cli.entry import main
main()
"""


def test_it_is_the_script_of_the_package():
    scripts = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["scripts"]
    assert EntryPoint("sciencegen", scripts["sciencegen"], "console_scripts").load() is entry.main


def test_the_package_runs_as_the_command():
    words = [sys.executable, "-m", "sciencegen", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout.strip()) == (0, __version__), done.stderr


def test_an_interrupted_import_is_no_traceback():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped\n")


def test_it_imports_nothing_that_takes_long():
    told = "import sciencegen.cli.entry, sys; print(sorted({'typer', 'rich', 'pydantic', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True).stdout == "[]\n"


def test_the_command_is_run(monkeypatch):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sciencegen.cli.main.main", interrupted)
    with pytest.raises(SystemExit, match="130"):
        entry.main()
