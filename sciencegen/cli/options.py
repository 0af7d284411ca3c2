"""Flags that several verbs share. A flag that isn't given is None or empty, and its default comes from `config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from sciencegen.config import Settings

Domain = Annotated[str, typer.Argument(help="The science, such as molecules.", show_default=False)]
Output = Annotated[str, typer.Option("-o", "--output", help="Where the result goes; - is stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing output.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print a summary as JSON: on stdout, on stderr where the results go there.")
]
Model = Annotated[
    str | None, typer.Option("--model", help="A shipped name or a run folder. [default: the domain's shipped weights]")
]
Alignment = Annotated[
    str | None,
    typer.Option("--alignment", help="A family's alignment (proteins): its model is trained into runs/, once."),
]
WildType = Annotated[
    str | None,
    typer.Option(
        "--wild-type",
        help="What rows are named against (proteins: column mutant, A42G): its sequence (SEQUENCE/2-56 numbers it), or "
        "its file (>NAME/2-56; 1pga.pdb:A).",
    ),
]
Measured = Annotated[
    str | None,
    typer.Option(
        "--measured", help="Beside an alignment: a table of measured variants of its first record (A42G, or whole)."
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", help="The column of --measured that was measured. [default: value]")
]
Complete = Annotated[
    str | None,
    typer.Option("--complete", help="A model that gives results their structures (molecules: qm9-conformers)."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Same seed, same bytes. [default: 0]")]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps. [default: auto]")]
Threads = Annotated[int | None, typer.Option("--threads", help="Cores to use; 0 is all of them. [default: 0]")]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", help="Items in flight; no effect on results. [default: 512]")
]
SettingsText = Annotated[
    str | None, typer.Option("--settings", help="Settings as YAML or JSON, or @file; flags win over them.")
]
RecipeSetting = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="The recipe's name=value, such as members=1 or semi_supervised=true (proteins). Repeatable."
    ),
]
Training = Annotated[
    list[str] | None, typer.Option("--training", help="How to train: name=value, such as steps=300. Repeatable.")
]
Column = Annotated[
    str | None, typer.Option("--item-column", help="The item's column. [default: the domain's usual names]")
]
Form = Annotated[
    str | None, typer.Option("--form", help='What of the items to take: "structures" of molecules. [default: the item]')
]
Format = Annotated[str | None, typer.Option("--format", help="File ending that tells how to read stdin, such as .csv.")]
Keep = Annotated[list[str] | None, typer.Option("--keep", help="A pattern every result must contain. Repeatable.")]
Forbid = Annotated[
    list[str] | None,
    typer.Option(
        "--forbid",
        help="A pattern no result may contain. Repeatable. Proteins: a motif that the wild type holds may stay where "
        "it is, and a note says so.",
    ),
]
Predictor = Annotated[
    list[str] | None, typer.Option("--predictor", help="name=folder of a trained predictor. Repeatable.")
]
Include = Annotated[
    list[str] | None, typer.Option("--with", "--include", help="Further properties to write, a,b,c. Repeatable.")
]

OWN_SETTINGS = "What is the network's or regressor's own goes to --set NAME=VALUE."
TAKEN_FOR_SET = ("unknown key", "Expected `key: value` lines")
"""In errors of `--settings`."""
MORE = "How it is trained goes to --training NAME=VALUE."

Record = TypeVar("Record", bound="Settings")


def settings_from(record: type[Record], text: str | None, **flags: Any) -> Record:
    """The verb's settings: `--settings` first, then each flag that was given. A verb with `--set` has the flag
    `settings` here, and says so where `--settings` is taken for it."""
    from sciencegen.config import build_settings, read_settings
    from sciencegen.errors import ConfigError

    given = {name: value for name, value in flags.items() if value is not None and value != [] and value != {}}
    try:
        return build_settings(record, {**(read_settings(text) if text else {}), **given})
    except ConfigError as error:
        if not text or "settings" not in flags or not any(mark in str(error) for mark in TAKEN_FOR_SET):
            raise
        raise ConfigError(f"{error} {OWN_SETTINGS}{' ' + MORE if 'training' in flags else ''}") from None


def pairs(texts: list[str] | None, flag: str) -> dict[str, Any]:
    """`name=value` flags as a mapping; values read as YAML, so that 3 is a number."""
    import yaml

    from sciencegen.errors import ConfigError

    mapping = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"Expected {flag} name=value, got '{text}'.")
        try:
            mapping[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"Expected {flag} name=value with a number, a text or YAML, got '{text}'.") from None
    return mapping


def folders(texts: list[str] | None) -> dict[str, str]:
    """`--predictor name=folder` flags."""
    from sciencegen.errors import ConfigError

    for text in texts or []:
        if "=" not in text:
            raise ConfigError(f"Expected --predictor NAME=FOLDER, a name for its values first, got '{text}'.")
    return {name: str(folder) for name, folder in pairs(texts, "--predictor").items()}


def names(texts: list[str] | None) -> list[str]:
    """A repeatable flag whose values may be comma-separated."""
    return [part.strip() for text in texts or [] for part in text.split(",") if part.strip()]
