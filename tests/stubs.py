"""The stub of the package, `sciencegen/__init__.pyi`: the public names with their signatures, for editors and type
checkers, since a name is fetched from its module on first use. `python -m tests.stubs` (`make stubs`) writes it."""

from __future__ import annotations

import ast
import builtins
import collections
import inspect
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

import sciencegen as sg

STUB = Path(sg.__file__).with_suffix(".pyi")
HEAD = '"""What editors and type checkers see of the public names: `make stubs` writes it from their signatures."""\n'


class Stub:
    """The imports and the definitions of the stub."""

    def __init__(self) -> None:
        self.imports: dict[str, set[str]] = collections.defaultdict(set)
        self.lines: list[str] = []

    def kind(self, annotation: Any) -> str:
        """What may be passed where a setting has this type."""
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin in (Union, UnionType):
            return " | ".join(self.kind(one) for one in inner)
        if origin is Literal:
            self.imports["typing"].add("Literal")
            return f"Literal[{', '.join(map(repr, inner))}]"
        if origin is tuple:
            self.imports["collections.abc"].add("Sequence")
            return f"{'str | ' if inner[0] is str else ''}Sequence[{self.kind(inner[0])}]"
        if origin is dict:
            self.imports["collections.abc"].add("Mapping")
            return f"Mapping[{self.kind(inner[0])}, {self.kind(inner[1])}]"
        if annotation in (Any, NoneType):
            self.imports["typing"] |= {"Any"} if annotation is Any else set()
            return "Any" if annotation is Any else "None"
        if issubclass(annotation, BaseModel):
            self.imports[annotation.__module__].add(annotation.__name__)
            return f"{annotation.__name__} | {self.kind(dict[str, Any])}"
        return str(annotation.__name__)

    def written(self, text: str, module: str) -> str:
        """An annotation as its module writes it; the names in it are imported from where the module has them."""
        origins = _origins(module)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name) and not hasattr(builtins, node.id):
                place, name = origins.get(node.id, (module, node.id))
                if name:
                    self.imports[place].add(name if name == node.id else f"{name} as {node.id}")
                else:
                    self.lines.insert(0, f"import {place} as {node.id}")
        return text

    def verb(self, name: str, module: str) -> None:
        function = getattr(sg, name)
        shown: list[str] = []
        keyword = False
        for one in inspect.signature(function).parameters.values():
            if one.kind is one.KEYWORD_ONLY and not keyword:
                keyword = True
                shown.append("*")
            own = isinstance(one.annotation, str)
            text = self.written(one.annotation, module) if own else self.kind(one.annotation)
            default = repr(one.default) if isinstance(one.default, str | int | float | None) else "..."
            shown.append(f"{one.name}: {text}{'' if one.default is one.empty else f' = {default}'}")
        returned = self.written(inspect.signature(function).return_annotation, module)
        self.lines.append(f"def {name}({', '.join(shown)}) -> {returned}: ...")

    def text(self) -> str:
        for name, module in sg.PUBLIC_NAMES.items():
            if inspect.isfunction(getattr(sg, name)):
                self.verb(name, module)
            else:
                self.imports[module].add(f"{name} as {name}")
        imports = [
            f"from {module} import {name}"
            for module, names in self.imports.items()
            for name in sorted(names)
            if f"{name} as {name}" not in names
        ]
        end = ["__version__: str", "PUBLIC_NAMES: dict[str, str]"]
        lines = sorted({one for one in self.lines if one.startswith("import ")})
        text = "\n".join([HEAD, *lines, *imports, "", *(one for one in self.lines if one not in lines), *end, ""])
        return _formatted(text)


def _origins(module: str) -> Mapping[str, tuple[str, str]]:
    """Name -> the module that a file imports it from, and its name there; "" for a module."""
    found = {}
    for node in ast.walk(ast.parse(inspect.getsource(import_module(module)))):
        if isinstance(node, ast.ImportFrom):
            found |= {one.asname or one.name: (str(node.module), one.name) for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.asname or one.name: (one.name, "") for one in node.names}
    return found


def _formatted(text: str) -> str:
    for words in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *words, "--stdin-filename", str(STUB), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    STUB.write_text(Stub().text())
