"""`sciencegen map` and `explore`: the latent map as a file, and as a page in a browser."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, steps, summarize
from sciencegen.cli.output import claim_output
from sciencegen.config import MapSettings
from sciencegen.errors import ConfigError

if TYPE_CHECKING:
    from sciencegen.api.maps.latent_map import LatentMap

PAGE = ".html"
EXPORTS = (PAGE, ".parquet")


@options.flags_of(MapSettings, without=("offline", "wild_type", "batch_size"), text=False)
def map_(
    domain: options.Domain,
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", help="A picture (.png .pdf .svg), a table (.csv), or a table for Embedding Atlas "
            "(.parquet).", show_default=False,
        ),
    ],
    settings: MapSettings,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Draw items on two axes of the latent space, or write their coordinates."""
    from sciencegen.api.latent_map import summary_of
    from sciencegen.api.maps.latent_map import check_map_output, write_map

    check_map_output(output)
    claim_output(output, force, inputs=[settings.data])
    found = _made(domain, settings)
    write_map(found, output, force)
    summarize(summary_of(found), output, as_json)


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
        _claim(export, force, settings.data)

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
    from sciencegen.api.maps.latent_map import make_map

    with steps() as report:
        found = make_map(domain, settings, report)
    for note in found.notes:
        say(f"note: {note}")
    return found


def _claim(export: str, force: bool, data: str | None) -> None:
    """Refuse another ending, and a file that is there."""
    if not export.lower().endswith(EXPORTS):
        raise ConfigError(f"Expected a name that ends in {' or '.join(EXPORTS)} for --export, got {export}.")
    claim_output(export, force, inputs=[data])


def _export(found: LatentMap, title: str, output: str) -> None:
    from sciencegen.api.explore import write_page
    from sciencegen.api.maps.latent_map import write_map

    if not output.lower().endswith(PAGE):
        write_map(found, output)
        return
    pictures = write_page(found, title, output)
    if pictures < len(found.items.text):
        say(f"note: the page has pictures of {pictures:,} of {len(found.items.text):,} items")
