"""Every example in a docstring runs, and every public name has one."""

from __future__ import annotations

import ast
import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import sciencegen as sg
from tests.workflows.snakemake_process import run_in_this_process

PACKAGE = Path(sg.__file__).parent


def documented() -> list[tuple[str, str, str]]:
    """(module, name in it, docstring) of everything whose docstring has an example."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if "_shared" in path.parts or ">>>" not in (text := path.read_text()):
            continue
        module = ".".join(("sciencegen", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        kinds = (ast.FunctionDef, ast.ClassDef, ast.Module)
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]
        for node in nodes:
            if ">>>" in (doc := ast.get_docstring(node) or ""):
                found.append((module, getattr(node, "name", "module"), doc))
    return found


@pytest.mark.long
@pytest.mark.parametrize(("module", "name", "doc"), documented(), ids=lambda value: value if len(value) < 80 else "")
def test_an_example_shows_what_happens(module, name, doc, tmp_path, monkeypatch, tiny_draws, quick_restoration, capsys):
    monkeypatch.chdir(tmp_path)
    run_in_this_process(monkeypatch)
    names = dict(vars(import_module(module)))
    test = doctest.DocTestParser().get_doctest(doc, names, f"{module}.{name}", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(test)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out


def test_every_public_name_has_one():
    names = [name for name in sg.__all__ if not name.startswith("__")]
    assert [name for name in names if ">>>" not in (inspect.getdoc(getattr(sg, name)) or "")] == []
