"""`sciencegen propose` and `sciencegen record`: design rounds with a lab."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, summarize
from sciencegen.cli.output import FewerResults
from sciencegen.errors import ConfigError
from sciencegen.files import check_writable, claim_output

Journal = Annotated[str | None, typer.Option(help="The campaign's table of all proposals and measurements (CSV).")]
Target = Annotated[str | None, typer.Option(help="The column of measured values. [default: value]")]


def propose(
    domain: options.Domain,
    measured: Annotated[
        list[str] | None, typer.Option(help="A table of items and their measured values. Repeatable, oldest first.")
    ] = None,
    journal: Journal = None,
    batch: Annotated[int | None, typer.Option("--batch", "-n", help="Items of the plate. [default: 96]")] = None,
    target: Target = None,
    minimize: Annotated[bool, typer.Option("--minimize", help="Less of the target is better.")] = False,
    pool: Annotated[str | None, typer.Option(help="Candidates: a file, or a dataset's name. [default: made]")] = None,
    model: Annotated[str | None, typer.Option(help="A model whose latent space brings candidates too.")] = None,
    acquisition: Annotated[
        str | None,
        typer.Option(
            help="thompson (as often as an item is likely the best), ucb (optimistic), noisy-ei (expected gain, per "
            "cost) or greedy (best guesses, for a last plate). [default: thompson]"
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Planned in all: early plates explore more than the last.")] = None,
    surrogate: Annotated[str | None, typer.Option(help="gp, ensemble or auto. [default: auto]")] = None,
    keep: options.Keep = None,
    forbid: options.Forbid = None,
    wild_type: options.WildType = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="name=value of the design space. Repeatable. Proteins: positions=39-41,54, residues=AVLI (or "
            "'39:AVLI 40:*'), maximum_mutations=4, structure=1pga.pdb:A with exposure=0.25.. (at its surface)."
        ),
    ] = None,
    start: Annotated[
        list[str] | None, typer.Option(help="An item to begin from before any is measured. [default: the wild type]")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(help="Candidates beside those made: a file, such as what optimize found. Repeatable."),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="An item that is on the plate in any case, such as WT with --wild-type. Repeatable."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="What must hold of every proposal: 'NAME in domain' of a --predictor, 'logp <= 3'. Repeatable."
        ),
    ] = None,
    predictor: options.Predictor = None,
    maximum_similarity: Annotated[float | None, typer.Option(help="Between two of the plate. [default: 1]")] = None,
    maximum_share: Annotated[
        float | None,
        typer.Option(
            help="Of the plate, that may have one thing in common: proteins, a letter at a position; molecules, a "
            "scaffold. 0.25 spreads the risk. [default: 1]"
        ),
    ] = None,
    diversity: Annotated[
        float | None, typer.Option(help="What a pick costs those like it; 1 is much. [default: 0]")
    ] = None,
    cost: Annotated[
        str | None, typer.Option(help="The pool's column of costs. noisy-ei weighs them; the others keep the limit.")
    ] = None,
    cost_limit: Annotated[
        float | None, typer.Option(help="Of the whole plate, in the unit of --cost. [default: no limit]")
    ] = None,
    column: options.Column = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    settings: options.SettingsText = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Propose the next plate from what was measured: items most likely to be best, none of them known.

    Fill the plate's empty column in the lab and hand the same file back: to `record`, or with --measured. Without any
    measurement the first plate is drawn at random, from --pool, --space, --model, --also or around --start.

    Proteins: with --wild-type tables may name variants (column mutant, A42G:K43R) and the plate names its own. What the
    design space was understood as is said; a space of up to 200,000 sequences is looked at whole.
    """
    from sciencegen.config import ProposeSettings

    flags: dict[str, Any] = dict(
        measured=measured, journal=journal, batch=batch, target=target, minimize=minimize or None, pool=pool
    )
    flags |= dict(model=model, acquisition=acquisition, rounds=rounds, surrogate=surrogate, keep=keep, forbid=forbid)
    flags |= dict(
        start=start, space=options.pairs(space, "--space"), maximum_similarity=maximum_similarity, diversity=diversity
    )
    flags |= dict(cost=cost, cost_limit=cost_limit, column=column, seed=seed, device=device, threads=threads)
    flags |= dict(wild_type=wild_type, also=also, controls=control, where=where, maximum_share=maximum_share)
    flags |= dict(predictors=options.folders(predictor))
    record = options.settings_from(ProposeSettings, settings, **flags)
    claim_output(output, force)
    if record.journal is not None:
        check_writable(record.journal, "`journal`")
        if Path(record.journal).resolve() == Path(output).resolve():
            raise ConfigError(f"Expected another file for -o than the journal, got {output} for both.")

    from sciencegen.api.propose import plan
    from sciencegen.api.search.tables import short_plate
    from sciencegen.api.writing.formats import check_endings

    check_endings(domain, output)
    found = plan(domain, record, log=say)
    found.write(output, force)
    sys.stdout.flush()  # a plate that didn't get out stops here
    found.enter(record.journal)
    summarize(found.summary, output, as_json)
    if len(found.table["item"]) < record.batch:
        raise FewerResults(short_plate(len(found.table["item"]), record.batch))


def record(
    domain: options.Domain,
    results: Annotated[str, typer.Argument(help="The table of measured items; - is stdin.", show_default=False)],
    journal: Annotated[str, typer.Option(help="The campaign's table; made where there is none.")],
    target: Target = None,
    round_: Annotated[
        int | None, typer.Option("--round", help="Of rows without one that weren't proposed. [default: 0]")
    ] = None,
    wild_type: options.WildType = None,
    column: options.Column = None,
    threads: options.Threads = None,
    as_json: options.Json = False,
) -> None:
    """Write a lab's results into a campaign's journal; recording the same file again adds nothing.

    Rows of one item are replicates: proposals are made from their mean and its error. A column `<target>_sd` holds the
    standard error of each value. Items of a plate (with a round) that have no value wait for one and are proposed no
    more. Rows that can't be used stand in `<journal>.rejects.csv`, those of all files: an empty cell is unmeasured,
    anything else that is no number is listed there.
    """
    from sciencegen.config import RecordSettings

    check_writable(journal, "`journal`")
    flags = dict(target=target, round=round_, wild_type=wild_type, column=column, threads=threads)
    chosen = options.settings_from(RecordSettings, None, **flags)

    from sciencegen.api.record import record_from
    from sciencegen.api.writing.writer import keep_rejected

    found = record_from(domain, journal, results, chosen)
    keep_rejected(journal, found.source, found.refused)
    for note in found.notes:
        say(f"note: {note}")
    if line := found.appended.incomplete_line:
        say(f"note: the journal's last line was cut off; it was moved to {journal}.torn: '{line[:80]}'")
    summarize(found.summary, journal, as_json)
