"""`sciencegen backtest`: replay design campaigns on a measured table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, show, summarize
from sciencegen.cli.output import claim_output
from sciencegen.config import BacktestSettings

if TYPE_CHECKING:
    from sciencegen.api.backtest import BacktestPlan, FinishedCampaigns
    from sciencegen.api.writing.writer import OutputWriter

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
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
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
    from sciencegen.api.backtest import FinishedCampaigns, is_unfinished, resolve_backtest, unfinished_path
    from sciencegen.api.writing.plates import open_campaigns

    claim_output(output, force or is_unfinished(output), inputs=[table])
    writer = open_campaigns(output)
    plan = resolve_backtest(domain, table, settings, log=say)
    for note in plan.notes:
        say(f"note: {note}")
    finished = FinishedCampaigns(unfinished_path(output), plan.identity(), force)
    if finished.rounds:
        say(f"{len(finished.rounds):,} campaigns are finished already")
    _run(plan, finished, writer)
    finished.remove()
    summary = plan.summary({case: finished.rounds[case] for case in plan.cases})
    show_methods(summary["methods"])
    summarize(summary, output, as_json)


def _run(plan: BacktestPlan, finished: FinishedCampaigns, writer: OutputWriter) -> None:
    """Run the campaigns that are left, and write all of them."""
    with progress("plates", plan.plates) as advance, writer:
        writer.reject(plan.bench.history.refused)
        try:
            for case in plan.campaigns(finished, advance):
                writer.write(plan.cells(case, finished.rounds[case]))
        except KeyboardInterrupt:
            if not finished.rounds:  # an empty table would stop the same command
                writer.give_up()
            raise


def show_methods(methods: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the statistics of each method."""
    cells = [[name, *("-" if found[one] is None else found[one] for one in SHOWN)] for name, found in methods.items()]
    show(["method", *SHOWN.values()], cells)
