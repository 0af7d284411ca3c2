"""`sciencegen propose` and `sciencegen record`: design rounds with a lab."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import say, steps, summarize
from sciencegen.cli.output import FewerResults, claim_output
from sciencegen.errors import ConfigError
from sciencegen.files import check_rejects, check_writable, one_plate

Journal = Annotated[str | None, typer.Option(help="The campaign's table of all proposals and measurements (CSV).")]
Target = Annotated[
    str | None, typer.Option(help="The column of measured values. [default: that of the journal, else value]")
]


def propose(
    domain: options.Domain,
    measured: Annotated[
        list[str] | None, typer.Option(help="A table of items and their measured values. Repeatable, oldest first.")
    ] = None,
    journal: Journal = None,
    batch: Annotated[
        int | None, typer.Option("--batch", "-n", help="Number of items on the plate. [default: 96]")
    ] = None,
    target: Target = None,
    minimize: Annotated[bool, typer.Option("--minimize", help="Smaller values are better.")] = False,
    goal: Annotated[
        list[str] | None,
        typer.Option(
            help="In place of --target, for several measured columns: 'maximize activity', 'minimize toxicity', "
            "'stability >= 1'. Repeatable. Plates are picked by expected hypervolume improvement."
        ),
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            help="Earlier measurements of a related target: a table, a dataset or a journal. They are used if they "
            "predict what is measured. Repeatable."
        ),
    ] = None,
    prior_target: Annotated[
        str | None, typer.Option(help="Column of values in --prior. [default: that of --target, or a journal's own]")
    ] = None,
    pool: Annotated[
        str | None, typer.Option(help="The only candidates: a file, or a dataset's name. [default: they are generated]")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A generative model that adds candidates.")] = None,
    acquisition: options.Acquisition = None,
    rounds: Annotated[int | None, typer.Option(help="Planned number of rounds: early ones explore more.")] = None,
    surrogate: options.Surrogate = None,
    keep: options.Keep = None,
    forbid: options.Forbid = None,
    implausible: options.Implausible = False,
    wild_type: options.WildType = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of the design space, name=value. Repeatable. Proteins: positions=39-41,54, residues=AVLI "
            "(or '39:AVLI 40:*'), maximum_mutations=4, structure=1pga.pdb:A with exposure=0.25.. (surface residues)."
        ),
    ] = None,
    start: Annotated[
        list[str] | None,
        typer.Option(help="An item to start from while none is measured, or a file of them. [default: the wild type]"),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(help="A file of additional candidates, such as the output of optimize. Repeatable."),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            help="A control, which is always on the plate, such as WT with --wild-type; it counts among the --batch. "
            "Repeatable."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="A condition on every proposed item: 'logp <= 3', or 'NAME in domain' for a --predictor. Repeatable."
        ),
    ] = None,
    predictor: options.Predictor = None,
    hit: options.Hit = None,
    sheet: options.Sheet = None,
    maximum_similarity: options.MaximumSimilarity = None,
    maximum_share: options.MaximumShare = None,
    diversity: options.Diversity = None,
    cost: Annotated[
        str | None,
        typer.Option(
            help="Column of costs in --pool. noisy-ei weighs them; other acquisitions only keep --cost-limit."
        ),
    ] = None,
    cost_limit: Annotated[
        float | None, typer.Option(help="Largest cost of the whole plate. [default: no limit]")
    ] = None,
    blocks: options.Blocks = None,
    maximum_steps: options.MaximumSteps = None,
    sharing: Annotated[
        float | None,
        typer.Option(
            help="With --blocks: how far below the best a candidate's value may be, if it needs fewer blocks and "
            "intermediates that the plate doesn't use yet. A share of the distance to the median candidate; 0 is off. "
            "[default: 0.2]"
        ),
    ] = None,
    plate: Annotated[
        int | None,
        typer.Option(help="Wells of a microplate, 96 or 384: adds the columns plate and well. [default: no layout]"),
    ] = None,
    fill: Annotated[
        str | None,
        typer.Option(help="Order of the wells: rows, columns, or random, rows in random order. [default: rows]"),
    ] = None,
    no_edge_wells: Annotated[
        bool, typer.Option("--no-edge-wells", help="Leave out the outermost rows and columns of the plate.")
    ] = False,
    replicates: Annotated[
        int | None,
        typer.Option(help="Wells of each item; further copies are in random order. [default: 1]"),
    ] = None,
    control_wells: Annotated[
        list[str] | None,
        typer.Option(
            help="Wells of a control on each plate, 'A1,H12=WT'; 'A12=' leaves a well empty. Repeatable. [default: "
            "controls are spread evenly]"
        ),
    ] = None,
    control_copies: Annotated[
        int | None, typer.Option(help="Wells on each plate of each control without stated wells. [default: 1]")
    ] = None,
    picklist: Annotated[
        list[str] | None,
        typer.Option(
            help="Write the transfers from stock plates, for a liquid handler: echo, opentrons. The file is the "
            "plate's with .echo.csv or .opentrons.csv. Repeatable."
        ),
    ] = None,
    transfer_volume: Annotated[
        float | None, typer.Option(help="Volume of each transfer in nL; on an Echo a multiple of 2.5.")
    ] = None,
    stocks: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of the stock plates, name=value: size (384 or 96), echo_type, labware, "
            "destination_labware, height. Repeatable."
        ),
    ] = None,
    order_sheet: Annotated[
        bool,
        typer.Option(
            "--order-sheet",
            help="Write each item once with what a supplier needs, beside the plate with .order.csv. Proteins: DNA in "
            "a host's codons. Molecules: routes, with --blocks.",
        ),
    ] = False,
    order: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of the order sheet, name=value. Repeatable. Proteins: host=e_coli (or yeast, human, "
            "b_subtilis), avoid=BsaI,NdeI (restriction sites), stop=false."
        ),
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
    from sciencegen.config import ProposeSettings

    flags: dict[str, Any] = dict(
        measured=measured,
        journal=journal,
        batch=batch,
        target=target,
        minimize=minimize or None,
        goals=goal,
        pool=pool,
        prior=prior,
        prior_target=prior_target,
    )
    flags |= dict(model=model, acquisition=acquisition, rounds=rounds, surrogate=surrogate, keep=keep, forbid=forbid)
    flags |= dict(
        start=start, space=options.pairs(space, "--space"), maximum_similarity=maximum_similarity, diversity=diversity,
        plausible=False if implausible else None,
    )  # fmt: skip
    flags |= dict(cost=cost, cost_limit=cost_limit, column=column, seed=seed, device=device, threads=threads)
    flags |= dict(wild_type=wild_type, also=also, controls=control, where=where, maximum_share=maximum_share)
    flags |= dict(predictors=options.folders(predictor), blocks=blocks, maximum_steps=maximum_steps, sharing=sharing)
    flags |= dict(plate=plate, fill=fill, edge_wells=False if no_edge_wells else None, replicates=replicates)
    flags |= dict(control_wells=control_wells, control_copies=control_copies, picklist=picklist)
    flags |= dict(order_sheet=order_sheet or None, order=options.pairs(order, "--order"))
    flags |= dict(hit=hit, sheet=sheet, transfer_volume=transfer_volume, stocks=options.pairs(stocks, "--stocks"))
    record = options.settings_from(ProposeSettings, settings, **flags)
    claim_output(output, force, inputs=[*record.measured, record.pool, *record.also, *record.controls])
    if record.journal is not None:
        check_writable(record.journal, "`journal`")
        if Path(record.journal).resolve() == Path(output).resolve():
            raise ConfigError(f"Expected another file for -o than the journal, got {output} for both.")

    from sciencegen.api.campaign.proposal import check_beside
    from sciencegen.api.propose import plan
    from sciencegen.api.search.tables import short_plate
    from sciencegen.api.writing.writer import check_endings

    check_endings(domain, output)
    check_beside(output, record.picklist, record.order_sheet or bool(record.order), force)
    with one_plate(record.journal):
        with steps() as report:
            found = plan(domain, record, log=say, report=report)
        found.write(output, force)
        sys.stdout.flush()  # an error here leaves the journal unchanged
        found.enter(record.journal)
    summarize(found.summary, output, as_json)
    if (count := found.summary["proposed"]) < found.requested:
        raise FewerResults(short_plate(count, found.requested))


def record(
    domain: options.Domain,
    journal: Annotated[str, typer.Option(help="The campaign's table; it is created if it doesn't exist.")],
    results: Annotated[
        str | None, typer.Argument(help="The table of measured items; - is stdin.", show_default=False)
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(help="A column of measured values. Repeatable. [default: those of the journal, else value]"),
    ] = None,
    round_: Annotated[
        int | None, typer.Option("--round", help="Round of rows that have none and weren't proposed. [default: 0]")
    ] = None,
    withdraw: Annotated[
        int | None,
        typer.Option(help="Instead of RESULTS: the round of a plate that won't be measured. Its items may return."),
    ] = None,
    wild_type: options.WildType = None,
    sheet: options.Sheet = None,
    column: options.Column = None,
    threads: options.Threads = None,
    as_json: options.Json = False,
) -> None:
    """Write a lab's results into a campaign's journal; recording the same file again adds nothing.

    Rows of the same item are replicates: proposals use their mean and its error. A column `<target>_sd` may hold the
    standard error of each value. Items of a plate (rows with a round) without a value are pending: they are not
    proposed again. Rows that can't be used are listed in `<journal>.rejects.csv`, for all files. An empty cell means
    not measured; any other cell that is no number is listed there.
    """
    from sciencegen.config import RecordSettings

    check_writable(journal, "`journal`")
    check_rejects(journal, [] if results is None else [results])
    flags = dict(target=target or None, round=round_, wild_type=wild_type, sheet=sheet, column=column, threads=threads)
    flags |= dict(withdraw=withdraw)
    chosen = options.settings_from(RecordSettings, None, **flags)

    from sciencegen.api.record import record_from
    from sciencegen.api.writing.writer import keep_rejected

    found = record_from(domain, journal, results, chosen)
    if results is not None:
        keep_rejected(journal, found.source, found.refused)
    for note in found.notes:
        say(f"note: {note}")
    summarize(found.summary, journal, as_json)
