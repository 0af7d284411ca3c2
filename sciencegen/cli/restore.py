"""`sciencegen restore`: observed items without the instrument's blur and noise."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.output import claim_output, input_items, reasons
from sciencegen.config import RestoreSettings
from sciencegen.errors import DataError


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
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Remove the instrument's blur and noise from observed items, with error bars.

    Each row has the mean of samples of the posterior, whose variance is that of the samples, 90% intervals of
    properties, chi_squared, and the resolution: finer structure comes from the model. Other columns of a table or of a
    file's catalogue are copied.
    """
    claim_output(output, force, inputs=[source])

    from sciencegen.api.science import reads_folders
    from sciencegen.api.survey import resolve_restore
    from sciencegen.api.writing.results import write_chunks
    from sciencegen.api.writing.writer import input_ending

    ending = partial(input_ending, domain, format, column=settings.column)
    with input_items(domain, source, ending, reads_folders(domain)) as given:
        restoring = resolve_restore(domain, given, settings)
        with progress("restoring") as advance:
            write_chunks(restoring.open(output, force), restoring, advance)
    for note in restoring.notes:
        say(f"note: {note}")
    if not restoring.restored:
        raise DataError(f"No row of {source} could be restored; {reasons(output, restoring.first_refused)}.")
    summarize(restoring.summary(), output, as_json)
