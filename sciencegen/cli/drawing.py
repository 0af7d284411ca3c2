"""`sciencegen generate`, `encode`, `decode`, `map`, `explore` and `restore`: what a model makes."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, steps, summarize, tell
from sciencegen.cli.output import (
    STDOUT,
    FewerResults,
    Outlet,
    claim_output,
    input_path,
    reasons,
    source_path,
)
from sciencegen.cli.process import begin_loading, start_workers
from sciencegen.config import (
    DecodeSettings,
    EncodeSettings,
    GenerateSettings,
    MapSettings,
    RestoreSettings,
)
from sciencegen.errors import ConfigError, Stopped

if TYPE_CHECKING:
    from sciencegen.api.generate import GenerateRequest
    from sciencegen.api.latent_map import LatentMap


# `sciencegen generate`: draw new items with requested properties.

LOST = {
    "rejected": "failed a condition or pattern, or were implausible",
    "malformed": "were malformed",
    "repeated": "were duplicates",
    "undecoded": "could not be decoded",
    "failed": "could not be judged",
}
"""Why draws were not written, by the name of their count."""


@options.flags_of(GenerateSettings)
def generate(
    domain: options.Domain,
    settings: GenerateSettings,
    alignment: options.Alignment = None,
    outlet: Outlet = STDOUT,
) -> None:
    """Draw new items with requested properties from a trained model.

    With --blocks, each draw that meets the request is kept if a route to it is found. Otherwise it is replaced by the
    most similar molecule found that has a route, meets the request too and isn't written yet. The columns draw and
    similarity_to_draw say what was drawn. The search takes seconds for each draw.
    """
    outlet.claim()
    if alignment is None:  # else a model is trained first
        begin_loading()

    from sciencegen.api.criteria import parse_conditions
    from sciencegen.api.generate import resolve_generate
    from sciencegen.api.sampling.generation import Generation
    from sciencegen.api.sampling.request import check_drawing
    from sciencegen.api.science import domain_of
    from sciencegen.api.writing.writer import check_complete

    check_complete(settings.complete, outlet.output)
    if alignment is not None:
        parse_conditions(settings.where, domain_of(domain))  # report a wrong one before minutes of training
        check_drawing(settings)
        from sciencegen.api.score_variants import of_family

        settings = of_family(domain, settings, alignment, outlet.output, say)
    request = resolve_generate(domain, settings)
    start_workers()
    generation, writer = Generation(request.draws), request.open(outlet.output, outlet.force)
    tell(request.draws.notes)
    with progress("generating", settings.n) as advance:
        summary = request.write(generation, writer, generation, advance)
    tell(generation.notes)
    outlet.summarize(summary if outlet.as_json else {**summary, "missed": _missed(summary)})
    if summary["written"] < settings.n and not settings.raw:
        hint = f" {reasons(outlet.output)}." if writer.left_out else ""
        raise FewerResults(_shortfall(summary, settings) + hint + _other_way(request))


def _missed(summary: Mapping[str, Any]) -> str:
    """How many of the rejected draws miss each condition."""
    return ", ".join(f"{name}: {count}" for name, count in summary["missed"].items())


def _other_way(request: GenerateRequest) -> str:
    """What may give more items, with the settings as they are."""
    settings, tasks = request.draws.settings, request.draws.model.recipe.tasks
    if settings.blocks:
        return " More blocks or --set maximum_steps let more items that meet the request be made."
    if settings.similarity is not None:
        return " A wider --similarity has more molecules, above all of a small lead."
    has_core = tasks is not None and "core" in tasks.settings and not settings.core
    return " With --core, every draw is made around a part." if settings.keep and has_core else ""


def _shortfall(summary: dict[str, Any], settings: GenerateSettings) -> str:
    """A message: how many items were written, why other draws were not, and what to change."""
    which = {"rejected": f"{LOST['rejected']} ({_missed(summary)})"} if summary["missed"] else {}
    if settings.similarity is not None:
        which["undecoded"] = "gave no analogue of that similarity"
    lost_by = LOST | which
    counts = {
        **{what: summary[name] for name, what in lost_by.items()},
        **{f"were left out ({why})": count for why, count in summary.get("left_out", {}).items()},
    }
    lost = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    written = "all written; " if summary["written"] else "no file is left; "
    why = f": {summary['first_failure']}" if summary["failed"] else ""
    return (
        f"Found {summary['written']} of {settings.n} distinct items in {summary['drawn']} draws "
        f"({written}{lost}{why}). Loosen --where, --keep or --forbid, pass --allow-implausible, or raise --attempts."
    )


# `sciencegen encode` and `decode`: items to latents, and back.

Items = Annotated[
    str, typer.Argument(help="The file of items, or a folder of structure files; - is stdin.", show_default=False)
]
Latents = Annotated[str, typer.Argument(help="A .npz file with an array `latent`.", show_default=False)]


@options.flags_of(EncodeSettings, without=("seed",), text=False)
def encode(
    domain: options.Domain,
    source: Items,
    outlet: Annotated[Outlet, typer.Option("-o", "--output", help="The .npz file to write.", show_default=False)],
    settings: EncodeSettings,
    format: options.Format = None,
) -> None:
    """Encode items to latent vectors: arrays `latent` (n, size), `index` (input row, from 0), `item` and `name`."""
    if not outlet.output.endswith(".npz"):
        raise ConfigError(f"Expected a name that ends in .npz for -o, got {outlet.output}.")
    outlet.claim(source)

    from sciencegen.api.encode import encode_items, write_encoded
    from sciencegen.api.models.folder import results_of_model

    with source_path(results_of_model(domain, settings.model), source, format, settings.column, one=False) as path:
        encoded = encode_items(domain, Path(path), settings)
    write_encoded(domain, outlet.output, encoded)
    if not len(encoded.index):
        raise outlet.empty(source, "could be encoded", next(iter(encoded.refused), None))
    tell(encoded.notes)
    outlet.summarize(encoded.summary)


@options.flags_of(DecodeSettings, without=("seed",), text=False)
def decode(domain: options.Domain, latents: Latents, settings: DecodeSettings, outlet: Outlet = STDOUT) -> None:
    """Decode latent vectors into items, one line for each, in order; the line is empty if decoding fails."""
    outlet.claim(latents)

    from sciencegen.api.encode import decode_latents
    from sciencegen.api.writing.output_record import plain_path

    with input_path(latents, lambda line: ".npz") as path:
        decoded = decode_latents(domain, path, settings, plain_path(latents))
    decoded.write(outlet.output, outlet.force)
    tell(decoded.notes)
    outlet.summarize(decoded.summary)


# `sciencegen map` and `explore`: the latent map as a file, and as a page in a browser.

PAGE = ".html"
EXPORTS = (PAGE, ".parquet")


@options.flags_of(MapSettings, without=("offline", "wild_type", "batch_size"), text=False)
def map_(
    domain: options.Domain,
    outlet: Annotated[
        Outlet,
        typer.Option(
            "-o", "--output", help="A picture (.png .pdf .svg), a table (.csv), or a table for Embedding Atlas "
            "(.parquet).", show_default=False,
        ),
    ],
    settings: MapSettings,
) -> None:  # fmt: skip
    """Draw items on two axes of the latent space, or write their coordinates."""
    from sciencegen.api.latent_map import check_map_output, summary_of, write_map

    check_map_output(outlet.output)
    outlet.claim(settings.data)
    found = _made(domain, settings)
    write_map(found, outlet.output, outlet.force)
    outlet.summarize(summary_of(found))


@options.flags_of(MapSettings, without=("offline", "wild_type", "batch_size"), text=False)
def explore(
    domain: options.Domain,
    settings: MapSettings,
    export: Annotated[
        str | None,
        typer.Option(
            help="Write the page as one file (.html) that needs no server and makes no items, or a table for "
            "Embedding Atlas (.parquet), and end."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 is any free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Show the latent map in a browser: look at items, decode places, walk between items, and save what you keep.

    The page comes from this computer and is only for it: its address holds a random token. Ctrl-C ends it.
    """
    if export is not None:
        if not export.lower().endswith(EXPORTS):
            raise ConfigError(f"Expected a name that ends in {' or '.join(EXPORTS)} for --export, got {export}.")
        claim_output(export, force, inputs=[settings.data])

    from sciencegen.api.explore import server_of, title_of
    from sciencegen.api.latent_map import summary_of

    found = _made(domain, settings)
    if export is not None:
        _export(found, title_of(domain, settings.data), export)
        summarize(summary_of(found), export, as_json)
        return
    with server_of(found, title_of(domain, settings.data), port) as server:
        typer.echo(server.address)
        say("Open this address in a browser of this computer. Ctrl-C ends it.")
        if browser:
            webbrowser.open(server.address)
        with suppress(KeyboardInterrupt):
            server.serve()
    say("stopped")


def _made(domain: str, settings: MapSettings) -> LatentMap:
    """The map, with progress and notes."""
    from sciencegen.api.latent_map import make_map

    with steps() as report:
        found = make_map(domain, settings, report)
    tell(found.notes)
    return found


def _export(found: LatentMap, title: str, output: str) -> None:
    from sciencegen.api.explore import write_page
    from sciencegen.api.latent_map import write_map

    if not output.lower().endswith(PAGE):
        write_map(found, output)
        return
    pictures = write_page(found, title, output)
    if pictures < len(found.items.text):
        say(f"note: the page has pictures of {pictures:,} of {len(found.items.text):,} items")


# `sciencegen restore`: observed items without the instrument's blur and noise.


@options.flags_of(RestoreSettings, without=("batch_size",), text=False)
def restore(
    domain: options.Domain,
    source: Annotated[
        str,
        typer.Argument(
            help="Stamps with PSF and noise, in any file of items, or one of them, `stamps.fits[3]`; - is stdin.",
            show_default=False,
        ),
    ],
    settings: RestoreSettings,
    format: options.Format = None,
    outlet: Outlet = STDOUT,
) -> None:
    """Remove the instrument's blur and noise from observed items, with error bars.

    Each row has the mean of samples of the posterior, whose variance is that of the samples, 90% intervals of
    properties, chi_squared, and the resolution: finer structure comes from the model. Other columns of a table or of a
    file's catalogue are copied.
    """
    outlet.claim(source)

    from sciencegen.api.survey import resolve_restore

    with source_path(domain, source, format, settings.column) as given:
        restoring = resolve_restore(domain, given, settings)
        try:
            outlet.stream(restoring.open(outlet.output, outlet.force), restoring, "restoring", len(restoring.rows))
        except (KeyboardInterrupt, Stopped):
            done = settings.start - 1 + restoring.restored + restoring.refused
            say(f"note: --start {done + 1} restores the rest; name another file for -o")
            raise
    tell(restoring.notes)
    if not restoring.restored:
        raise outlet.empty(source, "could be restored", restoring.first_refused)
    outlet.summarize(restoring.summary())
