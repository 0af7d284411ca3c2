"""Versions of the dependencies, as lines for pip.

    python -m tests.versions oldest       # the lower bound of each direct dependency, from pyproject.toml
    python -m tests.versions installed    # the version of every package of this environment

`make oldest` tests with the first list as constraints, `make constraints` writes the second to constraints.txt.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
INSTALLERS = {"pip", "setuptools", "wheel", "sciencegen"}
"""Not pinned: what installs, and what is installed."""
OF_TORCH = re.compile(r"(nvidia|cuda)-|triton$")
"""Brought by torch's CUDA build alone, which pins them itself."""
HEADER = """\
# Versions that pass the tests together, for `pip install -c constraints.txt .`. Written by `make constraints`.
"""


def normalized(name: str) -> str:
    """The name of a package as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(project: Mapping, extras: Iterable[str] = ()) -> list[str]:
    """The direct dependencies of `[project]`, and those of the named extras, which may name others."""
    lines, waiting, done = list(project["dependencies"]), list(extras), set[str]()
    while waiting:
        extra = waiting.pop(0)
        for line in () if extra in done else project["optional-dependencies"][extra]:
            if line.startswith(f"{project['name']}["):
                waiting += re.findall(r"[\w-]+", line)[1:]
            else:
                lines.append(line)
        done.add(extra)
    return list(dict.fromkeys(lines))


def name_of(requirement: str) -> str:
    """The name in a requirement: `torch` of `torch>=2.4`."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def oldest(lines: Iterable[str]) -> list[str]:
    """Pin each requirement that has a lower bound to it."""
    bounds = [re.match(r"([\w.-]+)(?:\[[^]]*\])?\s*>=\s*([\w.]+)", line) for line in lines]
    return sorted({f"{bound[1]}=={bound[2]}" for bound in bounds if bound})


def installed(packages: Iterable[tuple[str, str]]) -> list[str]:
    """Pin each package, given as name and version, without the label of a local build such as `+cpu`."""
    versions = {normalized(name): version.split("+")[0] for name, version in packages}
    return [
        f"{name}=={versions[name]}" for name in sorted(versions) if name not in INSTALLERS and not OF_TORCH.match(name)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("oldest", "installed"))
    if parser.parse_args().which == "installed":
        print(HEADER + "\n".join(installed((found.name, found.version) for found in distributions())))
    else:
        project = tomllib.loads(PYPROJECT.read_text())["project"]
        print("\n".join(oldest(requirements(project, project["optional-dependencies"]))))


if __name__ == "__main__":
    main()
