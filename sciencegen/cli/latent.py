"""`sciencegen encode`, `decode` and `interpolate`: items to latents, and back."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import claim_output, input_path, reasons
from sciencegen.config import DecodeSettings, EncodeSettings, InterpolateSettings
from sciencegen.errors import ConfigError, DataError

Input = Annotated[
    str, typer.Argument(help="The file of items, or a folder of structure files; - is stdin.", show_default=False)
]
Latents = Annotated[str, typer.Argument(help="A .npz file with an array `latent`.", show_default=False)]


@options.flags_of(EncodeSettings, without=("seed",), text=False)
def encode(
    domain: options.Domain,
    source: Input,
    output: Annotated[str, typer.Option("-o", "--output", help="The .npz file to write.", show_default=False)],
    settings: EncodeSettings,
    format: options.Format = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Encode items to latent vectors: arrays `latent` (n, size), `index` (input row, from 0), `item` and `name`."""
    if not output.endswith(".npz"):
        raise ConfigError(f"Expected a name that ends in .npz for -o, got {output}.")
    claim_output(output, force, inputs=[source])

    from sciencegen.api.encode import encode_items, write_encoded
    from sciencegen.api.models.folder import results_of_model
    from sciencegen.api.science import reads_folders
    from sciencegen.api.writing.writer import input_ending

    named = results_of_model(domain, settings.model)
    with input_path(source, partial(input_ending, named, format, column=settings.column), reads_folders(named)) as path:
        encoded = encode_items(domain, path, settings)
    write_encoded(domain, output, encoded)
    if not len(encoded.index):
        raise DataError(f"No row of {source} could be encoded; {reasons(output, next(iter(encoded.refused), None))}.")
    for note in encoded.notes:
        say(f"note: {note}")
    summarize(encoded.summary, output, as_json)


@options.flags_of(DecodeSettings, without=("seed",), text=False)
def decode(
    domain: options.Domain,
    latents: Latents,
    settings: DecodeSettings,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Decode latent vectors into items, one line for each, in order; the line is empty if decoding fails."""
    claim_output(output, force)

    from sciencegen.api.encode import decode_latents
    from sciencegen.api.writing.output_record import plain_path

    with input_path(latents, lambda line: ".npz") as path:
        decoded = decode_latents(domain, path, settings, plain_path(latents))
    decoded.write(output, force)
    summarize(decoded.summary, output, as_json)


@options.flags_of(InterpolateSettings, without=("seed", "batch_size"), text=False)
def interpolate(
    domain: options.Domain,
    start: Annotated[str, typer.Argument(help="The first item.", show_default=False)],
    end: Annotated[str, typer.Argument(help="The last item.", show_default=False)],
    settings: InterpolateSettings,
    steps: Annotated[int, typer.Option(min=2, help="Number of points, both ends included.")] = 9,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Decode points along the arc between the latent vectors of two items."""
    claim_output(output, force)

    from sciencegen.api.encode import interpolate_items

    found = interpolate_items(domain, start, end, steps, settings)
    for note in found.notes:
        say(f"note: {note}")
    found.write(output, force)
    summarize(found.summary, output, as_json)
