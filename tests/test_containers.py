"""Dockerfile and Apptainer definition: linted, the same steps in both, and enough files for the build."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
DEFINITION = (REPOSITORY / "apptainer.def").read_text()
BOTH = pytest.mark.parametrize("text", [DOCKERFILE, DEFINITION], ids=["docker", "apptainer"])


def test_hadolint_is_content():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("needs hadolint")
    done = subprocess.run([hadolint, str(REPOSITORY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def installs(text: str) -> list[str]:
    """The commands that install something, without what names the build of torch."""
    commands = re.findall(r"(?:pip|apt-get) install .*|sed .*", text)
    return sorted(re.sub(r"\{\{ torch \}\}|\$\{TORCH\}", "TORCH", command).rstrip(" \\") for command in commands)


def test_both_install_the_same():
    assert len(installs(DOCKERFILE)) == 4
    assert installs(DOCKERFILE) == installs(DEFINITION)
    assert "ARG TORCH=cpu" in DOCKERFILE
    assert "torch=cpu" in DEFINITION


@BOTH
def test_an_image_is_small_checked_and_needs_no_root(text):
    pips = re.findall(r"pip install .*", text)
    assert pips
    assert all("--no-cache-dir" in command for command in pips)
    assert text.count("rm -rf /var/lib/apt/lists/*") == text.count("apt-get update") == 1
    assert "-slim" in text
    assert "sciencegen doctor" in text


def test_the_container_runs_as_a_user():
    last = DOCKERFILE.split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE)
    assert last.index("USER") < last.index("ENTRYPOINT")


def test_the_build_gets_what_the_package_is_made_of():
    """A wheel holds the package, and the folders that pyproject.toml adds to it."""
    copied = {
        name for words in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for name in words.split()
    }
    filed = set(re.findall(r"^    (\S+) /source/", DEFINITION, re.MULTILINE))
    ignored = set(re.findall(r"^!(\S+)$", (REPOSITORY / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == filed == ignored
    assert copied >= {
        "sciencegen",
        "workflows",
        "datasets",
        "pyproject.toml",
        "hatch_build.py",
        "README.md",
        "LICENSE",
        "constraints.txt",
    }
    assert all((REPOSITORY / name).exists() for name in copied)


def test_the_constraints_pin_torch_once():
    pins = re.findall(r"^torch==\d+(?:\.\d+)+$", (REPOSITORY / "constraints.txt").read_text(), re.MULTILINE)
    assert len(pins) == 1
