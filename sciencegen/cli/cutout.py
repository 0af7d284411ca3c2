"""`sciencegen cutout`: items of a large image at the positions of a catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import claim_output


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
    side: Annotated[int | None, typer.Option(help="Pixels on a side. [default: 64]")] = None,
    pixel_scale: Annotated[
        float | None,
        typer.Option(help="Resample to pixels of this scale (arcsec), with the flux conserved. [default: the image's]"),
    ] = None,
    bands: Annotated[
        list[str] | None, typer.Option(help="A band of the image to take; repeat it. [default: all]")
    ] = None,
    extension: Annotated[
        str | None, typer.Option(help="Name or number of the image's HDU. [default: SCI, or the first image]")
    ] = None,
    psf: Annotated[
        str | None, typer.Option(help="A FITS file with the PSF's image. [default: the extension PSF, if there is one]")
    ] = None,
    psf_fwhm: Annotated[float | None, typer.Option(help="FWHM of a round Gaussian PSF, in arcsec.")] = None,
    variance: Annotated[
        str | None,
        typer.Option(
            help="A FITS file with the noise's variance. [default: an extension VARIANCE, IVAR or ERR, else the "
            "scatter at each stamp's edge]"
        ),
    ] = None,
    segments: Annotated[
        str | None,
        typer.Option(
            help="A FITS file with the numbers of sources, 0 for the sky. [default: an extension SEG, else sources "
            "are found in each stamp]"
        ),
    ] = None,
    neighbours: Annotated[bool, typer.Option("--neighbours", help="Leave neighbours unmasked.")] = False,
    sky: Annotated[bool, typer.Option("--sky", help="Subtract the median at each stamp's edge.")] = False,
    first_pixel: Annotated[
        int | None,
        typer.Option(help="Number of the first pixel in the catalogue, 0 or 1. [default: 1; 0 for xcentroid]"),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first rows of the catalogue.")] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Cut stamps out of a survey's image, with PSF, noise and masked neighbours.

    Each stamp has flags: neighbour, blended, edge, bad, undetected, large. Positions of which nothing can be cut are
    listed in <output>.rejects.csv.
    """
    from sciencegen.config import CutoutSettings

    chosen = options.settings_from(
        CutoutSettings, None, side=side, pixel_scale=pixel_scale, bands=tuple(bands or ()) or None,
        extension=extension, psf=psf, psf_fwhm=psf_fwhm, variance=variance, segments=segments,
        neighbours=neighbours or None, sky=sky or None, first_pixel=first_pixel, limit=limit,
    )  # fmt: skip

    from sciencegen.api.cutout import cutout as run
    from sciencegen.api.writing.writer import check_endings

    check_endings(domain, output)
    claim_output(output, force, inputs=[image, catalogue, psf, variance, segments])
    found = run(domain, image, catalogue, **chosen.model_dump())
    for note in found.notes:
        say(f"note: {note}")
    found.write(output, overwrite=True)
    summarize(found.summary, output, as_json)
