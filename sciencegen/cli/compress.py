"""`sciencegen compress` and `decompress`: files of images in fewer bytes, and back."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import claim_output


def compress(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="A FITS, .npy or .npz file of images.", show_default=False)],
    output: Annotated[
        str, typer.Option("-o", "--output", help="The compressed file, such as stamps.sgc.", show_default=False)
    ],
    quantize: Annotated[
        float | None,
        typer.Option(
            help="Lose at most the noise divided by twice this: 16 keeps steps of a sixteenth of the noise. [default: "
            "lose nothing]"
        ),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            help="For --quantize: standard deviation of the noise, in the images' unit. [default: estimated for each "
            "band]"
        ),
    ] = None,
    threads: options.Threads = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Compress images by a learned predictor, without loss or with an error in units of the noise.

    The summary says how many bits a pixel takes, and how many of them are above the noise, which nothing can compress.
    Everything else in the file, such as headers and tables, is kept as it is.
    """
    from sciencegen.config import CompressSettings

    chosen = options.settings_from(CompressSettings, None, quantize=quantize, noise=noise, threads=threads)
    claim_output(output, force, inputs=[source])

    from sciencegen.api.compress import compress as run

    found = run(domain, source, output, overwrite=force, **chosen.model_dump())
    for note in found.notes:
        say(f"note: {note}")
    summarize(found.summary, output, as_json)


def decompress(
    domain: options.Domain,
    source: Annotated[str, typer.Argument(help="A file of `compress`.", show_default=False)],
    output: Annotated[
        str, typer.Option("-o", "--output", help="The file, with the ending that it had before.", show_default=False)
    ],
    partial: Annotated[
        bool, typer.Option("--partial", help="Restore what is whole of a damaged file, with zeros or NaN elsewhere.")
    ] = False,
    threads: options.Threads = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Restore a file that was compressed by `compress`."""
    from sciencegen.config import DecompressSettings

    chosen = options.settings_from(DecompressSettings, None, partial=partial or None, threads=threads)
    claim_output(output, force, inputs=[source])

    from sciencegen.api.compress import decompress as run

    found = run(domain, source, output, overwrite=force, **chosen.model_dump())
    for note in found.notes:
        say(f"note: {note}")
    summarize(found.summary, output, as_json)
