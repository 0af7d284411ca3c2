"""`sciencegen generate`: new items, conditioned on what is asked for and checked against it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.families import of_family
from sciencegen.cli.output import FewerResults, reasons
from sciencegen.files import claim_output

Where = Annotated[
    list[str] | None,
    typer.Option(help='"name=2.5", "name in 40..90", "name >= 1" (names: `sciencegen properties DOMAIN`). Repeatable.'),
]

SAMPLERS = ("ancestral", "ddim", "heun", "dpm-solver", "churn")
"""Those of `diffusion.samplers`, whose import takes seconds."""

LOST = {
    "rejected": "failed what is asked",
    "malformed": "were malformed",
    "repeated": "came before",
    "undecoded": "stood for no item",
    "failed": "could not be judged",
}
"""What became of the draws that were not written."""


def generate(
    domain: options.Domain,
    n: Annotated[int | None, typer.Option("-n", help="Distinct accepted items. [default: 1000]")] = None,
    where: Where = None,
    predictor: options.Predictor = None,
    keep: options.Keep = None,
    forbid: options.Forbid = None,
    include: options.Include = None,
    raw: Annotated[bool, typer.Option("--raw", help="Keep every draw: exactly n, malformed ones too.")] = False,
    noise_free: Annotated[
        bool, typer.Option("--noise-free", help="Of models that know an instrument (galaxies): without PSF and noise.")
    ] = False,
    attempts: Annotated[int | None, typer.Option(help="Draws allowed per wanted item. [default: 50]")] = None,
    noise_scale: Annotated[
        float | None, typer.Option(help="Multiplies the noise (not under --where). [default: 1]")
    ] = None,
    model: options.Model = None,
    alignment: options.Alignment = None,
    complete_by: options.Complete = None,
    scaffold: Annotated[
        str | None,
        typer.Option(help="A file with one structure: results hold its heavy atoms, and structures keep their places."),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(help=f"Of a diffusion: {', '.join(SAMPLERS)}, or an installed one. [default: the model's]"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Of a diffusion, from noise to data. [default: the model's]")
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(help="Of a diffusion: how far draws lean towards --where; 0 not at all. [default: the model's]"),
    ] = None,
    best_of: Annotated[
        int | None, typer.Option(help="Draws per item; the best by --steer is kept, or the nearest to --where.")
    ] = None,
    steer: Annotated[
        list[str] | None,
        typer.Option(help='A goal, "maximize qed", for --best-of, or for the particles of a diffusion. Repeatable.'),
    ] = None,
    particles: Annotated[
        int | None, typer.Option(help="Of each draw of a diffusion under --steer. [default: 8 without --best-of]")
    ] = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    batch_size: options.BatchSize = None,
    settings: options.SettingsText = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Draw new items from a trained model, with the properties that are asked for."""
    from sciencegen.config import GenerateSettings

    include_names = options.names(include)
    flags: dict[str, Any] = dict(
        n=n,
        where=where,
        keep=keep,
        forbid=forbid,
        include=include_names,
        raw=raw or None,
        attempts=attempts,
        noise_free=noise_free or None,
    )
    flags |= dict(predictors=options.folders(predictor), sampler=sampler, steps=steps, guidance=guidance)
    flags |= dict(best_of=best_of, steer=steer, particles=particles)
    flags |= dict(
        noise_scale=noise_scale, model=model, complete=complete_by, scaffold=scaffold, seed=seed, device=device
    )
    record = options.settings_from(GenerateSettings, settings, threads=threads, batch_size=batch_size, **flags)
    claim_output(output, force)

    from sciencegen.api.criteria.conditions import parse_conditions
    from sciencegen.api.generate import Generation, resolve_generate
    from sciencegen.api.sampling.drawing import check_drawing
    from sciencegen.api.science.forms import domain_of
    from sciencegen.api.writing.formats import check_complete

    check_complete(complete_by, output)
    if alignment is not None:
        parse_conditions(record.where, domain_of(domain))  # a wrong one is told before minutes of training
        check_drawing(record)
        record = of_family(domain, record, alignment, output)
    request = resolve_generate(domain, record)
    generation, writer = Generation(request.draws), request.open(output, force)
    for note in request.draws.notes:
        say(f"note: {note}")
    with progress("generating", record.n) as advance:
        summary = request.write(generation, writer, generation, advance)
    summarize(summary, output, as_json)
    if summary["written"] < record.n:
        unplaced = writer.left_out if record.scaffold else 0
        told = f" {reasons(output)}." if unplaced else ""
        raise FewerResults(_shortfall(summary, record.n, unplaced) + told)


def _shortfall(summary: dict[str, Any], n: int, unplaced: int = 0) -> str:
    """How many there are, what became of the other draws, and what to do."""
    counts = {
        **{what: summary[name] for name, what in LOST.items()},
        "got no coordinates around the scaffold": unplaced,
    }
    lost = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    written = "all written; " if summary["written"] else "no file is left; "
    why = f": {summary['first_failure']}" if summary["failed"] else ""
    return (
        f"Found {summary['written']} of {n} distinct items in {summary['drawn']} draws ({written}{lost}{why}). "
        "Loosen --where, --keep or --forbid, or raise --attempts."
    )
