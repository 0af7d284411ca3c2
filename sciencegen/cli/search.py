"""`sciencegen optimize`, `benchmark`, `replay`, and design rounds: `propose`, `record` and `backtest`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, show, steps, summarize, tell
from sciencegen.cli.output import STDOUT, FewerResults, Outlet, claim_output, reserve
from sciencegen.config import (
    BacktestSettings,
    BenchmarkSettings,
    OptimizeSettings,
    ProposeSettings,
    RecordSettings,
    ReplaySettings,
)
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.files import check_apart, check_rejects, check_writable

# `sciencegen optimize`: search the latent space for items that meet goals.


@options.flags_of(OptimizeSettings)
def optimize(
    domain: options.Domain,
    settings: OptimizeSettings,
    alignment: options.Alignment = None,
    structures: Annotated[str | None, typer.Option(help="Also write the candidates' structures to this file.")] = None,
    details: Annotated[
        str | None, typer.Option(help="Also write trace.csv, scored.parquet and summary.json to this folder.")
    ] = None,
    outlet: Outlet = STDOUT,
) -> None:
    """Search for items that meet goals: `maximize` and `minimize` are objectives, the others are constraints.

    A predictor's value counts by the worse end of its interval, so that the search avoids items for which the
    prediction is uncertain. `--set lower_bounds=false` uses the value alone.
    """
    from sciencegen.api.models.folder import results_of_model
    from sciencegen.api.optimize import SearchFiles

    files, written = SearchFiles(outlet.output, structures, details), results_of_model(domain, settings.model)
    reserve(*files.paths)
    files.claim(written, outlet.force, settings.complete)

    from sciencegen.api.optimize import AllFailed, resolve_optimize, search, search_criteria
    from sciencegen.api.science import domain_of
    from sciencegen.api.search import shortfall
    from sciencegen.api.writing.writer import write_rejected

    if alignment is not None:
        search_criteria(domain_of(domain), settings, domain_of(domain))  # report errors before minutes of training
        from sciencegen.api.score_variants import of_family

        settings = of_family(domain, settings, alignment, outlet.output, say)
    request = resolve_optimize(domain, settings, say)
    tell(request.notes)
    try:
        with progress("scoring", settings.budget * (1 + len(settings.controls))) as advance:
            found = search(request, log=say, advance=advance)
    except AllFailed as error:
        text = domain_of(written).items.text
        write_rejected(outlet.output, [(one.call, text(one.item), one.failure or "") for one in error.trace])
        raise
    tell(found.summary["notes"])
    found.write(files, outlet.force)
    outlet.summarize(found.summary)
    if len(found.table["item"]) < settings.n:
        raise FewerResults(shortfall(found.summary, settings.n))


# `sciencegen benchmark`: compare search methods on a suite of oracles.


@options.flags_of(BenchmarkSettings, without=("seed", "batch_size"), text=False)
def benchmark(
    suite: Annotated[str, typer.Argument(help="The benchmark suite, such as pmo.", show_default=False)],
    settings: BenchmarkSettings,
    outlet: Outlet = STDOUT,
) -> None:
    """Measure search methods: a row for each task, method and seed, with the area under the top-10 curve."""
    outlet.claim()

    from sciencegen.api.benchmark import resolve_benchmark

    plan = resolve_benchmark(suite, settings)
    tell(plan.notes)
    with progress("tasks", len(plan)) as advance, plan.open(outlet.output) as writer:
        for row in plan:
            writer.write({name: [value] for name, value in row.items()})
            say("{task}  {method}  seed {seed}  auc_top_10 {auc_top_10:.4f}  {seconds} s".format(**row))
            advance()
    outlet.summarize(plan.summary())


# `sciencegen replay`: make rows of an output again, and compare them with the file.


class NotTheSame(SciencegenError):
    """Rows that were made again differ from the file, or can't be made again."""

    exit_code = 6


@options.flags_of(ReplaySettings, text=False)
def replay(
    file: Annotated[
        str, typer.Argument(help="A file that generate or optimize wrote, beside its record.", show_default=False)
    ],
    settings: ReplaySettings,
    row: Annotated[list[str] | None, typer.Option(help="Numbers of rows, from 1: 17, or 1-20,35. Repeatable.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All rows.")] = False,
    outlet: Outlet = STDOUT,
) -> None:
    """Make rows of an output again from the record beside it, and compare them with the file, byte for byte.

    The record FILE.provenance.json names what rows depend on: settings, seed, models, files, device, versions and the
    computer. What differs is said first, with a remedy. The table of results has a line for each row that is the same,
    and one for each column of a row that differs: row, result, column, expected (in the file), found (made again). The
    exit code is 0 if all rows are the same, else 6. A record that names programs (command) or functions
    (module:function) is refused, and they are listed, unless --run-programs is given.
    """
    if every == bool(row):
        raise ConfigError("Expected `row` N or `all`, got " + ("both." if every else "neither."))
    from sciencegen.api.writing.writer import check_table

    check_table(outlet.output, "rows that were made again")
    place = Path(outlet.output)
    if outlet.output != "-" and place.exists() and Path(file).exists() and place.samefile(file):
        raise ConfigError(f"Expected another file for `output` than {file}, whose rows are compared.")
    outlet.claim()

    from sciencegen.api.replay import replayed, resolve_replay

    request = resolve_replay(file, None if every else ",".join(row or ()), settings)
    for code in request.code:
        say(f"note: the record names {code}, which may run.")
    for one in request.differences:
        say(f"note: {one}")
    with progress("comparing", len(request.numbers)) as advance:
        found = replayed(request, advance)
    if request.prevented:
        outlet.summarize(found.summary)
        raise NotTheSame(f"No row of {file} can be made again as it is: {request.reasons} differs, see above.")
    found.write(outlet.output, outlet.force)
    outlet.summarize(found.summary)
    if not found.same:
        counted = f"{found.summary['differ']} of {found.summary['rows']} rows of {file} differ"
        raise NotTheSame(f"Expected the same rows, {counted} from those made again.")


# `sciencegen propose` and `sciencegen record`: design rounds with a lab.


@options.flags_of(ProposeSettings, without=("batch_size",))
def propose(
    domain: options.Domain,
    settings: ProposeSettings,
    outlet: Outlet = STDOUT,
) -> None:
    """Propose the next plate, a batch of new items to measure that are likely to be good, from earlier measurements.

    Fill in the plate's empty column in the lab and pass the same file back: to `record`, or with --measured. Without
    measurements, the first plate is drawn at random: from --pool, --space, --model, --also or around --start.

    A note forecasts how many items will be hits (--hit), with a 90% interval, and how earlier forecasts did; the
    journal keeps them.

    Molecules: `sciencegen propose molecules --measured ligands.csv --target pic50 --batch 24 -o plate.csv` makes
    analogues of the measured ones. Notes say the limits of candidates, and the settings that lift them.

    Proteins: with --wild-type, tables may name variants (column mutant, A42G:K43R), and the plate has their names too.
    A note describes the design space. A space of up to 200,000 sequences is searched completely.

    With --plate, the table has a row for each well, controls and replicates included; without --batch the items fill
    one plate. More items than wells take several plates, each with the controls.

    With --blocks, all candidates have a route: random ones, analogues of the best measured items, and changes of both;
    --model adds no candidates then. Candidates of --also and --pool without a known route are left out.
    """
    outlet.claim(*settings.measured, settings.pool, *settings.also, *settings.controls)
    if settings.journal is not None:
        check_writable(settings.journal, "`journal`")
    check_apart(outlet.output, settings.journal, "-o")

    from sciencegen.api.campaign.proposal import check_beside
    from sciencegen.api.propose import chosen
    from sciencegen.api.search import short_plate
    from sciencegen.api.writing.writer import check_endings

    check_endings(domain, outlet.output)
    check_beside(outlet.output, settings.picklist, settings.order_sheet or bool(settings.order), outlet.force)
    with ExitStack() as stack:
        with steps() as report:
            found = stack.enter_context(chosen(domain, settings, log=say, report=report))
        found.write(outlet.output, outlet.force)
        sys.stdout.flush()  # an error here leaves the journal unchanged
        found.enter(settings.journal)
    outlet.summarize(found.summary)
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
    from sciencegen.data.writers import rejects_path, replace_rejects

    found = record_from(domain, journal, results, settings)
    if results is not None:
        replace_rejects(rejects_path(journal), found.source, found.refused)
    tell(found.notes)
    summarize(found.summary, journal, as_json)


# `sciencegen backtest`: replay design campaigns on a measured table.

SHOWN = {
    "mean": "mean best", "worst": "worst", "items_to_threshold": "items", "reached": "reached", "coverage": "coverage",
    "hits_coverage": "hits held",
}  # fmt: skip
"""Statistics of the printed table, and their titles."""


@options.flags_of(BacktestSettings, without=("device", "batch_size"))
def backtest(
    domain: options.Domain,
    table: Annotated[str, typer.Argument(help="A table of measured items, or a dataset's name.", show_default=False)],
    settings: BacktestSettings,
    outlet: Outlet = STDOUT,
) -> None:
    """Replay design campaigns on a measured table: a row for each campaign and round, with the best value so far.

    The table's items are the only candidates, and values are looked up there. `propose` chooses plates as the command
    of this name does, `greedy` by the best predictions; `one-shot` has random plates and a last one of the best
    predictions, `random` random ones only. All begin with the same random plate.

    `best` is a fraction of the table's maximum; with --minimize, or if the maximum is not above 0, it is 0 at the
    table's median and 1 at the best value. `held` is the share of the plate's values inside their 90% intervals.
    `hits` is the number of its values that are at least as good as --hit; `hits_expected`, `hits_low` and `hits_high`
    were forecast, and `beats_best`, the probability that one is better than all before.

    The same command goes on after a stop: finished campaigns are kept in `.<output>.unfinished`.
    """
    from sciencegen.api.backtest import (
        FinishedCampaigns,
        is_unfinished,
        open_campaigns,
        resolve_backtest,
        unfinished_path,
    )

    claim_output(outlet.output, outlet.force or is_unfinished(outlet.output), inputs=[table])
    writer = open_campaigns(outlet.output)
    plan = resolve_backtest(domain, table, settings, log=say)
    tell(plan.notes)
    finished = FinishedCampaigns(unfinished_path(outlet.output), plan.identity(), outlet.force)
    if finished.rounds:
        say(f"{len(finished.rounds):,} campaigns are finished already")
    with progress("plates", plan.plates) as advance, writer:
        writer.reject(plan.bench.history.refused)
        try:
            for case in plan.campaigns(finished, advance):
                writer.write(plan.cells(case, finished.rounds[case]))
        except KeyboardInterrupt:
            if not finished.rounds:  # an empty table would stop the same command
                writer.give_up()
            raise
    finished.remove()
    summary = plan.summary({case: finished.rounds[case] for case in plan.cases})
    methods = summary["methods"].items()
    cells = [[name, *("-" if found[one] is None else found[one] for one in SHOWN)] for name, found in methods]
    show(["method", *SHOWN.values()], cells)
    outlet.summarize(summary)
