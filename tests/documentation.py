"""What the pages of the documentation hold: fenced blocks, the commands in them, and how a command is parsed.

A fence may carry the word `slow` after its language: its commands are parsed, never run. With the word `shell` each
command is a process of its own, which finds packages that the page has installed.
"""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from sciencegen.cli.main import app

REPOSITORY = Path(__file__).parents[1]
INDEX = REPOSITORY / "docs" / "index.md"
TUTORIALS, CONCEPTS, HOW_TO = (
    sorted((REPOSITORY / "docs" / name).glob("*.md")) for name in ("tutorials", "concepts", "how-to")
)
PAGES = [
    REPOSITORY / "README.md",
    *sorted(set((REPOSITORY / "docs").glob("*.md")) - {INDEX}),
    *TUTORIALS,
    *CONCEPTS,
    *HOW_TO,
]
"""Pages for users: their commands are run with tiny settings."""
OTHERS = [
    *sorted((REPOSITORY / "docs" / "figures").glob("*.md")),
    *(REPOSITORY / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "datasets/README.md")),
    *sorted((REPOSITORY / "sciencegen").rglob("*.md")),
]
"""Pages whose commands are parsed only."""
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HEREDOC = re.compile(r"<<'?(\w+)'?")
SEPARATORS = ("|", "||", "&&", ";", "&")


@dataclass(frozen=True)
class Block:
    """kind: the fence's language; words: those after it. line: where its text begins, from 1."""

    page: Path
    kind: str
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def slow(self) -> bool:
        """Whether its commands are parsed only."""
        return "slow" in self.words

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A simple command of a shell statement, without pipes and redirections."""

    block: Block
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.block.place} {shlex.join(self.words)[:90]}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(page, found[1], tuple(found[2].split()), found[3], text[: found.start(3)].count("\n") + 1)
        for found in FENCE.finditer(text)
    ]


def statements(text: str) -> Iterator[str]:
    """Shell statements: continued lines and here-documents in one piece, comments and empty lines left out."""
    lines = iter(text.splitlines())
    for line in lines:
        while line.endswith("\\"):
            line = f"{line[:-1].rstrip()} {next(lines).strip()}"
        if end := HEREDOC.search(line):
            body = [line, *iter(lambda: next(lines), end[1]), end[1]]
            line = "\n".join(body)
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def commands(block: Block) -> Iterator[Command]:
    for statement in statements(block.text):
        lexer = shlex.shlex(statement.split("\n")[0], posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words: list[str] = []
        skip = False
        for word in [*lexer, ";"]:
            if word in SEPARATORS:
                if words:
                    yield Command(block, tuple(words))
                words = []
            elif skip or set(word) <= set("<>&"):
                skip = not skip  # a redirection and its target
            else:
                words.append(word)


def parse_verb(words: Sequence[str]) -> None:
    """Down to the verb's own arguments, without running it: an unknown flag or a missing argument raises."""
    rest, command, context = list(words), typer.main.get_command(app), None
    while hasattr(command, "commands"):
        context = command.make_context(command.name or "sciencegen", list(rest), parent=context)
        named = vars(context)  # Click 8.2 renamed the words that name a command
        left = [*named.get("_protected_args", named.get("protected_args", [])), *context.args]
        _, command, rest = command.resolve_command(context, left)
    assert command.make_context(command.name, list(rest), parent=context).params is not None


class _Parsed(Exception):
    """The arguments of a script were read."""


def parse_script(words: Sequence[str]) -> None:
    """The argument parser of a script or of `-m module` reads the words; the program then ends."""
    module = words[0] == "-m"
    name, *rest = words[module:]
    path = REPOSITORY / (name.replace(".", "/") + ".py" if module else name)
    assert path.is_file(), f"no script {path}"
    original = argparse.ArgumentParser.parse_args

    def parse(self: argparse.ArgumentParser, args: object = None, namespace: object = None) -> None:
        original(self, rest)
        raise _Parsed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", parse)
        patch.setattr(sys, "argv", [str(path), *rest])
        with pytest.raises(_Parsed):
            runpy.run_path(str(path), run_name="__main__")


def tiny_python(text: str) -> str:
    """The same with few items, a small budget and short trainings."""
    brief = r'\1, training={"steps": 3}, finish={"steps": 2})'
    text = re.sub(r'(\bsg\.train\("arrays".*)\)$', brief, text, flags=re.MULTILINE)
    return re.sub(r"\bbudget=\d+", "budget=24", re.sub(r"\bn=\d+", "n=1", text))
