"""`sciencegen restore`: observed items without the instrument's blur and noise."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import claim_output, input_items, reasons
from sciencegen.errors import DataError


def restore(
    domain: options.Domain,
    source: Annotated[
        str,
        typer.Argument(
            help="Stamps with PSF and noise, in any file of items, or one of them, `stamps.fits[3]`; - is stdin.",
            show_default=False,
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--with", help="Properties with 90% intervals, a,b,c. [default: flux, half_light_radius, e1 and e2]"
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Samples of the posterior of each item, at least 19. [default: 19]")
    ] = None,
    keep_samples: Annotated[
        bool, typer.Option("--keep-samples", help="Write each sample instead of their mean.")
    ] = False,
    column: options.Column = None,
    format: options.Format = None,
    model: options.Model = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Remove the instrument's blur and noise from observed items, with error bars.

    Each row has the mean of samples of the posterior, whose variance is that of the samples, 90% intervals of
    properties, chi_squared, and the resolution: finer structure comes from the model. Other columns of a table or of a
    file's catalogue are copied.
    """
    from sciencegen.config import RestoreSettings

    flags = dict(samples=samples, keep_samples=keep_samples or None, names=options.names(names), column=column)
    flags |= dict(model=model, seed=seed, device=device, threads=threads)
    record = options.settings_from(RestoreSettings, None, **flags)
    claim_output(output, force, inputs=[source])

    from sciencegen.api.restore import resolve_restore
    from sciencegen.api.science.forms import reads_folders
    from sciencegen.api.writing.results import write_chunks
    from sciencegen.api.writing.writer import input_ending

    ending = partial(input_ending, domain, format, column=column)
    with input_items(domain, source, ending, reads_folders(domain)) as given:
        restoring = resolve_restore(domain, given, record)
        with progress("restoring") as advance:
            write_chunks(restoring.open(output, force), restoring, advance)
    for note in restoring.notes:
        say(f"note: {note}")
    if not restoring.restored:
        raise DataError(f"No row of {source} could be restored; {reasons(output, restoring.first_refused)}.")
    summarize(restoring.summary(), output, as_json)
