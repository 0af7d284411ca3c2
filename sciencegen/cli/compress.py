"""`sciencegen compress` and `decompress`: files of images in fewer bytes, and back."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import claim_output
from sciencegen.config import CompressSettings, DecompressSettings


@options.flags_of(CompressSettings, text=False)
def compress(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="A FITS, .npy or .npz file of images.", show_default=False)],
    output: Annotated[
        str, typer.Option("-o", "--output", help="The compressed file, such as stamps.sgc.", show_default=False)
    ],
    settings: CompressSettings,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Compress images by a learned predictor, without loss or with an error in units of the noise.

    The summary says how many bits a pixel takes, and how many of them are above the noise, which nothing can compress.
    Everything else in the file, such as headers and tables, is kept as it is.
    """
    claim_output(output, force, inputs=[source])

    from sciencegen.api.compress import compress as run

    found = run(domain, source, output, overwrite=force, **settings.model_dump())
    for note in found.notes:
        say(f"note: {note}")
    summarize(found.summary, output, as_json)


@options.flags_of(DecompressSettings, text=False)
def decompress(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="A file of `compress`.", show_default=False)],
    output: Annotated[
        str, typer.Option("-o", "--output", help="The file, with the ending that it had before.", show_default=False)
    ],
    settings: DecompressSettings,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Restore a file that was compressed by `compress`."""
    claim_output(output, force, inputs=[source])

    from sciencegen.api.compress import decompress as run

    found = run(domain, source, output, overwrite=force, **settings.model_dump())
    for note in found.notes:
        say(f"note: {note}")
    summarize(found.summary, output, as_json)
