"""Flags that several verbs share. A flag that isn't given is None or empty; its default comes from `config`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from sciencegen.config import Settings

Domain = Annotated[
    str, typer.Argument(help="molecules, proteins, galaxies, arrays, or the domain of a plugin.", show_default=False)
]
Output = Annotated[str, typer.Option("-o", "--output", help="The file to write; - is stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing output.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print a summary as JSON, on stdout (on stderr if the results go to stdout).")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="The name of a shipped model, or the folder of a trained one. [default: the domain's shipped model]",
    ),
]
Alignment = Annotated[
    str | None,
    typer.Option(
        "--alignment", help="An alignment of a family (proteins). Its model is trained into runs/, on first use."
    ),
]
WildType = Annotated[
    str | None,
    typer.Option(
        "--wild-type",
        help="The wild type that names of mutants refer to (proteins: A42G in the column mutant): a sequence, with its "
        "numbers as in SEQUENCE/2-56, or a file (>NAME/2-56; 1pga.pdb:A).",
    ),
]
Measured = Annotated[
    str | None,
    typer.Option(
        "--measured",
        help="With an alignment: a table of measured variants of its first record (as A42G, or as whole sequences).",
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", help="The column of --measured that was measured. [default: value]")
]
Complete = Annotated[
    str | None,
    typer.Option("--complete", help="A model that computes structures of the results (molecules: qm9-conformers)."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Random seed: the same seed gives the same results. [default: 0]")
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps. [default: auto]")]
Threads = Annotated[int | None, typer.Option("--threads", help="CPU cores to use; 0 is all of them. [default: 0]")]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", help="Items in memory at once; no effect on results. [default: 512]")
]
SettingsText = Annotated[
    str | None, typer.Option("--settings", help="Settings as YAML or JSON, or @file; flags take precedence.")
]
RecipeSetting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A setting of the model, name=value, such as members=1 or semi_supervised=true (proteins). Repeatable.",
    ),
]
Training = Annotated[
    list[str] | None,
    typer.Option(
        "--training",
        help="A setting of the training, name=value: steps, batch_size, learning_rate, precision, sparsity ..., such "
        "as steps=300. Repeatable.",
    ),
]
Column = Annotated[
    str | None, typer.Option("--item-column", help="The column of items. [default: the domain's usual names]")
]
Form = Annotated[
    str | None,
    typer.Option("--form", help='The form of items to use: "structures" of molecules. [default: the domain\'s own]'),
]
Format = Annotated[str | None, typer.Option("--format", help="The format of stdin, as a file ending such as .csv.")]
Implausible = Annotated[
    bool,
    typer.Option(
        "--allow-implausible",
        help="Allow items that can't be expected to exist. Molecules: groups that decompose (peroxides, hemiaminals, "
        "enols ...) or react with proteins and water (acid halides, epoxides, aldehydes ...), "
        "radicals; in searches and plates also atom environments that nobody has made.",
    ),
]
Keep = Annotated[list[str] | None, typer.Option("--keep", help="A pattern that every result must contain. Repeatable.")]
Forbid = Annotated[
    list[str] | None,
    typer.Option(
        "--forbid",
        help="A pattern that no result may contain. Repeatable. Proteins: a motif of the wild type is allowed at its "
        "own position, and a note says so.",
    ),
]
Acquisition = Annotated[
    str | None,
    typer.Option(
        help="How items are chosen: thompson (as often as each is likely the best), ucb (upper confidence bound), "
        "noisy-ei (expected improvement per cost) or greedy (best predictions, for a last plate). [default: thompson]"
    ),
]
Surrogate = Annotated[str | None, typer.Option(help="Regression model: gp, ensemble or auto. [default: auto]")]
MaximumSimilarity = Annotated[
    float | None, typer.Option(help="Largest similarity of two items on the plate. [default: 1]")
]
MaximumShare = Annotated[
    float | None,
    typer.Option(
        help="Largest share of the plate with the same feature (proteins: a mutation; molecules: a scaffold or "
        "a ring pattern). 0.25 spreads the risk. [default: 1]"
    ),
]
Diversity = Annotated[
    float | None, typer.Option(help="Penalty on items similar to chosen ones; 1 is strong. [default: 0]")
]
Sheet = Annotated[
    str | None,
    typer.Option("--sheet", help="Sheet of an Excel workbook (.xlsx). [default: the first that isn't empty]"),
]
Hit = Annotated[
    float | None,
    typer.Option(
        "--hit",
        help="A value at least as good counts as a hit in the forecast of hits. [default: that of the best tenth of "
        "the measured items]",
    ),
]
Blocks = Annotated[
    str | None,
    typer.Option(
        "--blocks",
        help="A file of building blocks (molecules). Results are only items that known reactions make from them, and "
        "the columns route, route_steps and route_blocks say how.",
    ),
]
MaximumSteps = Annotated[
    int | None,
    typer.Option("--maximum-steps", help="Most reactions of a route from the building blocks. [default: 4]"),
]
Predictor = Annotated[
    list[str] | None, typer.Option("--predictor", help="A trained predictor, NAME=FOLDER. Repeatable.")
]
Cache = Annotated[
    str | None,
    typer.Option(
        help="A file that keeps the scores of programs, such as docking, for the same command or another one."
    ),
]
Include = Annotated[
    list[str] | None, typer.Option("--with", "--include", help="Further properties to write, a,b,c. Repeatable.")
]

OWN_SETTINGS = "Pass settings of the network or regressor with --set NAME=VALUE."
TAKEN_FOR_SET = ("unknown key", "Expected `key: value` lines")
"""Parts of errors of `--settings` after which the flags below are named."""
MORE = "Pass settings of the training with --training NAME=VALUE."

Record = TypeVar("Record", bound="Settings")


_ONLY_CHECKING: ContextVar[bool] = ContextVar("only_checking", default=False)


class CheckedOnly(Exception):
    """Ends a command after its settings, the `record`, were checked."""

    def __init__(self, record: Settings) -> None:
        super().__init__()
        self.record = record


@contextmanager
def only_checking() -> Iterator[None]:
    """Commands in the block raise their errors of settings, else `CheckedOnly`, and compute nothing."""
    token = _ONLY_CHECKING.set(True)
    try:
        yield
    finally:
        _ONLY_CHECKING.reset(token)


BY_KEY = ("training", "settings")
"""Settings that are mappings, and flags of the form name=value."""


def settings_from(record: type[Record], text: str | None, **flags: Any) -> Record:
    """The verb's settings: those of `--settings`, replaced by the flags that were given; the mappings of `--training`
    and `--set` replace single keys. A verb with `--set` passes it as `settings` here; its error for wrong `--settings`
    names `--set` too."""
    from sciencegen.config import build_settings, read_settings
    from sciencegen.errors import ConfigError

    given = {name: value for name, value in flags.items() if value is not None and value != [] and value != {}}
    try:
        base = read_settings(text) if text else {}
        for name in BY_KEY:
            if isinstance(below := base.get(name), dict) and name in given:
                given[name] = {**below, **given[name]}
        built = build_settings(record, {**base, **given})
    except ConfigError as error:
        if not text or "settings" not in flags or not any(mark in str(error) for mark in TAKEN_FOR_SET):
            raise
        raise ConfigError(f"{error} {OWN_SETTINGS}{' ' + MORE if 'training' in flags else ''}") from None
    if _ONLY_CHECKING.get():
        raise CheckedOnly(built)
    return built


def pairs(texts: list[str] | None, flag: str) -> dict[str, Any]:
    """`name=value` flags as a mapping; values read as YAML, so that 3 is a number."""
    from sciencegen.errors import ConfigError
    from sciencegen.yaml_text import parse_yaml

    mapping = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"Expected {flag} name=value, got '{text}'.")
        try:
            mapping[name.strip()] = parse_yaml(value)
        except ValueError:
            raise ConfigError(f"Expected {flag} name=value with a number, a text or YAML, got '{text}'.") from None
    return mapping


def folders(texts: list[str] | None) -> dict[str, str]:
    """`--predictor name=folder` flags."""
    from sciencegen.errors import ConfigError

    for text in texts or []:
        name, equals, _ = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"Expected --predictor NAME=FOLDER, a name for its values first, got '{text}'.")
    return {name.strip(): folder.strip() for name, _, folder in (text.partition("=") for text in texts or [])}


def names(texts: list[str] | None) -> list[str]:
    """A repeatable flag whose values may be comma-separated."""
    return [part.strip() for text in texts or [] for part in text.split(",") if part.strip()]
