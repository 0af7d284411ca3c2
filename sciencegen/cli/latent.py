"""`sciencegen encode`, `decode` and `interpolate`: items to latents, and back."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import input_path, reasons
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import claim_output

Input = Annotated[str, typer.Argument(help="The file of items; - is stdin.", show_default=False)]
Latents = Annotated[str, typer.Argument(help="A .npz file with an array `latent`.", show_default=False)]


def encode(
    domain: options.Domain,
    source: Input,
    output: Annotated[str, typer.Option("-o", "--output", help="The .npz file to write.", show_default=False)],
    column: options.Column = None,
    format: options.Format = None,
    model: options.Model = None,
    device: options.Device = None,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Items to latents: arrays `latent` (n, size), `index` (row in the input, from 0), `item` and its `name` there."""
    from sciencegen.config import Resources

    record = options.settings_from(Resources, None, device=device, threads=threads, batch_size=batch_size)
    if not output.endswith(".npz"):
        raise ConfigError(f"Expected a name that ends in .npz for -o, got {output}.")
    claim_output(output, force)

    from sciencegen.api.encode import encode_file
    from sciencegen.api.science.forms import reads_folders
    from sciencegen.api.writing.writer import input_ending, write_latents, write_rejected

    with input_path(source, partial(input_ending, domain, format, column=column), reads_folders(domain)) as path:
        encoded = encode_file(domain, path, model=model, column=column, resources=record)
    write_rejected(output, encoded.refused)
    if not len(encoded.index):
        raise DataError(f"No row of {source} could be encoded; {reasons(output, next(iter(encoded.refused), None))}.")
    write_latents(domain, output, encoded)
    summarize({"encoded": len(encoded.index), "refused": len(encoded.refused)}, output, as_json)


def decode(
    domain: options.Domain,
    latents: Latents,
    where: Annotated[list[str] | None, typer.Option(help='Condition the decoder: "name=2.5". Repeatable.')] = None,
    model: options.Model = None,
    device: options.Device = None,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Latents to items, one line for each in order; an empty line where one can't be decoded."""
    from sciencegen.config import Resources

    record = options.settings_from(Resources, None, device=device, threads=threads, batch_size=batch_size)
    claim_output(output, force)

    from sciencegen.api.encode import decode_file
    from sciencegen.api.writing.provenance import Criteria, origin_of, plain_path
    from sciencegen.api.writing.writer import write_lines, write_rejected

    origin = origin_of("decode", domain, model, Criteria([*(where or ()), f"from {plain_path(latents)}"]))
    with input_path(latents, lambda line: ".npz") as path:
        decoded = decode_file(domain, path, model=model, where=where or (), resources=record)
    write_lines(domain, output, decoded.item, origin, force)
    write_rejected(output, decoded.refused)
    summarize({"decoded": len(decoded.item) - len(decoded.refused), "refused": len(decoded.refused)}, output, as_json)


def interpolate(
    domain: options.Domain,
    start: Annotated[str, typer.Argument(help="The first item.", show_default=False)],
    end: Annotated[str, typer.Argument(help="The last item.", show_default=False)],
    steps: Annotated[int, typer.Option(min=2, help="Points on the path, both ends included.")] = 9,
    include: options.Include = None,
    model: options.Model = None,
    device: options.Device = None,
    threads: options.Threads = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """The items on the way from one to the other, along the arc between their latents."""
    from sciencegen.config import Resources

    record = options.settings_from(Resources, None, device=device, threads=threads)
    claim_output(output, force)

    from sciencegen.api.encode import interpolate as path_between
    from sciencegen.api.writing.provenance import Criteria, origin_of, plain_path
    from sciencegen.api.writing.writer import OutputOptions, open_output

    origin = origin_of("interpolate", domain, model, Criteria([f"from {plain_path(start)}", f"to {plain_path(end)}"]))
    table = path_between(domain, start, end, steps, model=model, include=options.names(include), resources=record)
    if not any(table["item"]):
        say("note: no point of the path could be decoded")
    with open_output(domain, output, list(table), OutputOptions(origin=origin, overwrite=force)) as writer:
        writer.write(table)
    summarize({"steps": steps, "distinct": len(set(table["item"]) - {""})}, output, as_json)
