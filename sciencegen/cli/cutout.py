"""`sciencegen cutout`: items of a large image at the positions of a catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import claim_output
from sciencegen.config import CutoutSettings


@options.flags_of(CutoutSettings, text=False)
def cutout(
    domain: options.Domain,
    image: Annotated[str, typer.Argument(help="The image in FITS, of any size.", show_default=False)],
    catalogue: Annotated[
        str,
        typer.Argument(
            help="CSV, Parquet, Excel, FITS or SExtractor's text with columns x, y (pixels) or ra, dec (degrees or "
            "sexagesimal).",
            show_default=False,
        ),
    ],
    output: Annotated[str, typer.Option("-o", "--output", help="The stamps, .fits or .h5.", show_default=False)],
    settings: CutoutSettings,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Cut stamps out of a survey's image, with PSF, noise and masked neighbours.

    Each stamp has flags: neighbour, blended, edge, bad, undetected, large. Positions of which nothing can be cut are
    listed in <output>.rejects.csv.
    """
    from sciencegen.api.survey import cutout as run
    from sciencegen.api.writing.writer import check_endings

    check_endings(domain, output)
    claim_output(output, force, inputs=[image, catalogue, settings.psf, settings.variance, settings.segments])
    found = run(domain, image, catalogue, **settings.model_dump())
    for note in found.notes:
        say(f"note: {note}")
    found.write(output, overwrite=True)
    summarize(found.summary, output, as_json)
