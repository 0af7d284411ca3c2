"""`sciencegen propose` and `sciencegen record`: design rounds with a lab."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, steps, summarize
from sciencegen.cli.output import FewerResults, claim_output
from sciencegen.config import ProposeSettings, RecordSettings
from sciencegen.errors import ConfigError
from sciencegen.files import check_rejects, check_writable, one_plate


@options.flags_of(ProposeSettings, without=("batch_size",))
def propose(
    domain: options.Domain,
    settings: ProposeSettings,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Propose the next plate, a batch of new items to measure that are likely to be good, from earlier measurements.

    Fill in the plate's empty column in the lab and pass the same file back: to `record`, or with --measured. Without
    measurements, the first plate is drawn at random: from --pool, --space, --model, --also or around --start.

    A note forecasts how many items will be hits (--hit), with a 90% interval, and how earlier forecasts did; the
    journal keeps them.

    Proteins: with --wild-type, tables may name variants (column mutant, A42G:K43R), and the plate has their names too.
    A note describes the design space. A space of up to 200,000 sequences is searched completely.

    With --plate, the table has a row for each well, controls and replicates included; without --batch the items fill
    one plate. More items than wells take several plates, each with the controls.

    With --blocks, all candidates have a route: random ones, analogues of the best measured items, and changes of both;
    --model adds no candidates then. Candidates of --also and --pool without a known route are left out.
    """
    claim_output(output, force, inputs=[*settings.measured, settings.pool, *settings.also, *settings.controls])
    if settings.journal is not None:
        check_writable(settings.journal, "`journal`")
        if Path(settings.journal).resolve() == Path(output).resolve():
            raise ConfigError(f"Expected another file for -o than the journal, got {output} for both.")

    from sciencegen.api.campaign.proposal import check_beside
    from sciencegen.api.propose import plan
    from sciencegen.api.search.tables import short_plate
    from sciencegen.api.writing.writer import check_endings

    check_endings(domain, output)
    check_beside(output, settings.picklist, settings.order_sheet or bool(settings.order), force)
    with one_plate(settings.journal):
        with steps() as report:
            found = plan(domain, settings, log=say, report=report)
        found.write(output, force)
        sys.stdout.flush()  # an error here leaves the journal unchanged
        found.enter(settings.journal)
    summarize(found.summary, output, as_json)
    if (count := found.summary["proposed"]) < found.requested:
        raise FewerResults(short_plate(count, found.requested))


@options.flags_of(RecordSettings, without=("seed", "device", "batch_size"), text=False)
def record(
    domain: options.Domain,
    journal: Annotated[str, typer.Option(help="The campaign's table; it is created if it doesn't exist.")],
    settings: RecordSettings,
    results: Annotated[
        str | None, typer.Argument(help="The table of measured items; - is stdin.", show_default=False)
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a lab's results into a campaign's journal; recording the same file again adds nothing.

    Rows of the same item are replicates: proposals use their mean and its error. A column `<target>_sd` may hold the
    standard error of each value. Items of a plate (rows with a round) without a value are pending: they are not
    proposed again. Rows that can't be used are listed in `<journal>.rejects.csv`, for all files. An empty cell means
    not measured; any other cell that is no number is listed there.
    """
    check_writable(journal, "`journal`")
    check_rejects(journal, [] if results is None else [results])
    from sciencegen.api.record import record_from
    from sciencegen.api.writing.writer import keep_rejected

    found = record_from(domain, journal, results, settings)
    if results is not None:
        keep_rejected(journal, found.source, found.refused)
    for note in found.notes:
        say(f"note: {note}")
    summarize(found.summary, journal, as_json)
