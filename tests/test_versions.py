"""constraints.txt and uv.lock pin what the project needs, within the bounds of pyproject.toml."""

import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.versions import PYPROJECT, installed, normalized, oldest, requirements

PROJECT = tomllib.loads(PYPROJECT.read_text())["project"]
DIRECT = [Requirement(line) for line in requirements(PROJECT, PROJECT["optional-dependencies"])]
PINS = dict(line.split("==") for line in (PYPROJECT.parent / "constraints.txt").read_text().splitlines()[1:])


def test_the_oldest_are_the_lower_bounds():
    lines = ["torch>=2.4", "a.b-c[extra] >= 1.2.post1, <2", "types", "older<3"]
    assert oldest(lines) == ["a.b-c==1.2.post1", "torch==2.4"]


def test_installed_versions_have_no_local_label():
    packages = [("Torch", "2.9.0+cpu"), ("pip", "25"), ("sciencegen", "1"), ("triton", "3"), ("Jupyter_core", "5.9")]
    assert installed([*packages, ("nvidia-cublas-cu12", "12.1")]) == ["jupyter-core==5.9", "torch==2.9.0"]


def test_each_direct_dependency_is_pinned_within_its_bounds():
    assert [str(one) for one in DIRECT if not one.specifier.contains(PINS[normalized(one.name)])] == []


def test_the_lock_has_each_direct_dependency_within_its_bounds():
    locked = tomllib.loads((PYPROJECT.parent / "uv.lock").read_text())["package"]
    found = {(one["name"], one["version"]) for one in locked if "version" in one}
    outside = [str(one) for one in DIRECT if not any(
        name == normalized(one.name) and one.specifier.contains(version) for name, version in found
    )]  # fmt: skip
    assert outside == []


def test_pins_are_releases_of_others():
    assert not PINS.keys() & {"pip", "setuptools", "sciencegen"}
    assert not any("+" in version for version in PINS.values())
    assert list(PINS) == sorted(PINS)


@pytest.mark.parametrize(("which", "line"), [("oldest", "torch==2.6"), ("installed", f"pytest=={pytest.__version__}")])
def test_the_command_prints_lines_for_pip(which, line):
    done = subprocess.run([sys.executable, "-m", "tests.versions", which], cwd=PYPROJECT.parent, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert line in done.stdout.decode().splitlines()
