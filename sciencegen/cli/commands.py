"""The commands by name. Each is imported when it runs; `sciencegen --help` reads first sentences from their files."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_group_from_info
from typer.models import CommandInfo, OptionInfo, TyperInfo
from typer.utils import get_params_from_function

from sciencegen.plugins import active_entries, installed_part, package_of, part_names

if TYPE_CHECKING:
    from typer._click.core import Command, Context, HelpFormatter

COMMANDS = {
    "generate": "sciencegen.cli.drawing:generate",
    "encode": "sciencegen.cli.drawing:encode",
    "decode": "sciencegen.cli.drawing:decode",
    "interpolate": "sciencegen.api.encode:interpolate",
    "map": "sciencegen.cli.drawing:map_",
    "explore": "sciencegen.cli.drawing:explore",
    "score": "sciencegen.cli.judging:score",
    "predict": "sciencegen.cli.judging:predict",
    "restore": "sciencegen.cli.drawing:restore",
    "sequences": "sciencegen.cli.judging:sequences",
    "optimize": "sciencegen.cli.search:optimize",
    "propose": "sciencegen.cli.search:propose",
    "record": "sciencegen.cli.search:record",
    "backtest": "sciencegen.cli.search:backtest",
    "replay": "sciencegen.cli.search:replay",
    "evaluate": "sciencegen.cli.judging:evaluate",
    "benchmark": "sciencegen.cli.search:benchmark",
    "report": "sciencegen.cli.workflow:report",
    "compress": "sciencegen.api.compress:compress",
    "decompress": "sciencegen.api.compress:decompress",
    "cutout": "sciencegen.api.survey:cutout",
    "properties": "sciencegen.cli.judging:properties",
    "doctor": "sciencegen.cli.workflow:doctor",
}
"""The commands that work for one request."""
OTHERS = {
    "run": "sciencegen.cli.workflow:run",
    "serve": "sciencegen.cli.serving:serve",
    "mcp": "sciencegen.cli.serving:mcp",
    "train": "sciencegen.cli.data:train_app",
    "datasets": "sciencegen.cli.data:datasets_app",
}
"""The whole workflow, the servers, and groups of commands."""
BUILT_IN = {**COMMANDS, **OTHERS}
GROUP = "sciencegen.verbs"
"""The group of entry points of commands of other packages: name -> a function whose parameters are flags, or a verb in
Python (`takes`) that returns a result."""
SENTENCE = r'^def {}\((?:[^\n]|\n[ )])*\n    r?"""(.+?)(?:\n\n|"""\n)'
GROUP_SENTENCE = r'^{} = typer\.Typer\(.*?help="(.+?)"'
TRIED = (
    "generate", "encode", "decode", "map", "score", "predict", "restore", "sequences", "optimize", "propose",
    "backtest", "evaluate", "benchmark", "train",
)  # fmt: skip
"""Commands with a dry run; that of `run` is Snakemake's."""
PASSES_ON = {"run": {"allow_extra_args": True, "ignore_unknown_options": True}}
MARKUP: Literal["markdown"] = "markdown"


def command(name: str) -> Callable[..., None] | typer.Typer:
    """The function of a command, or the group of that name. A verb in Python is made a command."""
    if name not in BUILT_IN:
        found = installed_part("command", GROUP, name, BUILT_IN)
    else:
        module, _, attribute = BUILT_IN[name].partition(":")
        found = vars(import_module(module))[attribute]
    if "own" not in vars(found):
        return found
    from sciencegen.cli.options import command_of  # on use: it takes a tenth of a second

    return command_of(found)


@cache
def same_name() -> frozenset[str]:
    """Names whose flag, of any command, is the name with dashes."""
    flags = ["--dry-run"]
    found = list(map(command, BUILT_IN))
    groups = [one.callback for app in found if isinstance(app, typer.Typer) for one in app.registered_commands]
    for function in (one for one in (*found, *groups) if inspect.isfunction(one)):
        for name, parameter in get_params_from_function(function).items():
            if isinstance(parameter.default, OptionInfo):
                flags += parameter.default.param_decls or [f"--{name}"]
    long = (flag.partition("/")[0] for flag in flags if flag.startswith("--"))
    return frozenset(flag.removeprefix("--").replace("-", "_") for flag in long)


def sentence(name: str) -> str:
    """What a command does, without importing it."""
    if name not in BUILT_IN:
        return f"Of the package {package_of(next(one for one in active_entries(GROUP) if one.name == name))}."
    module, _, attribute = BUILT_IN[name].partition(":")
    spec = find_spec(module)
    text = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    pattern = (GROUP_SENTENCE if attribute.endswith("_app") else SENTENCE).format(attribute)
    found = re.search(pattern, text, re.DOTALL | re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def with_dry_run(own: Command) -> Command:
    """The command with the flag --dry-run."""
    run = own.invoke

    def invoke(context: Context) -> Any:
        if not context.params.pop("dry_run"):
            return run(context)
        from sciencegen.cli.process import dry_run

        return dry_run(context)

    own.params += get_command_from_info(
        CommandInfo("", callback=_flag), pretty_exceptions_short=True, rich_markup_mode=MARKUP
    ).params
    vars(own)["invoke"] = invoke
    return own


def _flag(
    dry_run: bool = typer.Option(
        False,
        "--dry-run",
        help="Only say how many rows, seconds and bytes it would take, by short trials; write nothing.",
    ),
) -> None: ...


class Commands(Mapping[str, "Command"]):
    """Commands that are imported when they are looked up."""

    def __init__(self) -> None:
        self.names = part_names(GROUP, BUILT_IN)

    def __getitem__(self, name: str) -> Command:
        if name not in self:
            raise KeyError(name)
        found = command(name)
        how: dict[str, Any] = {"pretty_exceptions_short": True, "rich_markup_mode": MARKUP}
        if isinstance(found, typer.Typer):
            group = get_group_from_info(TyperInfo(found, name=name), suggest_commands=True, **how)
            if name in TRIED:
                group.commands = {one: with_dry_run(own) for one, own in group.commands.items()}
            return group
        own = get_command_from_info(CommandInfo(name, callback=found, context_settings=PASSES_ON.get(name)), **how)
        return with_dry_run(own) if name in TRIED else own

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Verbs(TyperGroup):
    """The command `sciencegen`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()  # type: ignore[assignment]

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        found, self.commands = self.commands, {name: TyperCommand(name, help=sentence(name)) for name in self.commands}
        try:
            super().format_help(ctx, formatter)
        finally:
            self.commands = found
