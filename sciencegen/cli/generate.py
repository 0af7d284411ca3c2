"""`sciencegen generate`: draw new items with requested properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.families import of_family
from sciencegen.cli.output import FewerResults, claim_output, reasons
from sciencegen.cli.workers import begin_loading, start_workers

if TYPE_CHECKING:
    from sciencegen.api.generate import GenerateRequest

Where = Annotated[
    list[str] | None,
    typer.Option(
        help='A requested property: "name=2.5", "name in 40..90", "name >= 1" (names: `sciencegen properties DOMAIN`). '
        "Repeatable."
    ),
]

SAMPLERS = ("ancestral", "ddim", "heun", "dpm-solver", "churn")
"""The names in `diffusion.samplers`, repeated here because importing it takes seconds."""

LOST = {
    "rejected": "failed a condition or pattern, or were implausible",
    "malformed": "were malformed",
    "repeated": "were duplicates",
    "undecoded": "could not be decoded",
    "failed": "could not be judged",
}
"""Why draws were not written, by the name of their count."""


def generate(
    domain: options.Domain,
    n: Annotated[int | None, typer.Option("-n", help="Number of distinct items to write. [default: 1000]")] = None,
    where: Where = None,
    predictor: options.Predictor = None,
    keep: options.Keep = None,
    forbid: options.Forbid = None,
    implausible: options.Implausible = False,
    blocks: options.Blocks = None,
    maximum_steps: options.MaximumSteps = None,
    include: options.Include = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write exactly n draws without any check: malformed ones too.")
    ] = False,
    noise_free: Annotated[
        bool, typer.Option("--noise-free", help="Write items without the instrument's PSF and noise (galaxies).")
    ] = False,
    attempts: Annotated[
        int | None, typer.Option(help="Maximum draws for each requested item. [default: 50, and 1,000 in all at least]")
    ] = None,
    noise_scale: Annotated[
        float | None, typer.Option(help="Factor on the latent noise (not with --where). [default: 1]")
    ] = None,
    model: options.Model = None,
    alignment: options.Alignment = None,
    complete_by: options.Complete = None,
    core: Annotated[
        str | None,
        typer.Option(
            help="Molecules: SMILES that all draws hold, with attachment points: 'c1ccc([\\*:1])nc1' gets a "
            "substituent, 'c1ccccc1[\\*:1].C1CCNCC1[\\*:2]' a linker; without points, a substituent "
            "replaces any hydrogen."
        ),
    ] = None,
    scaffold: Annotated[
        str | None,
        typer.Option(
            help="A file with one structure. Molecules: results contain its heavy atoms, at the same coordinates in "
            "structures. Protein backbones: a motif that all draws contain, atom by atom."
        ),
    ] = None,
    contigs: Annotated[
        str | None,
        typer.Option(
            help="Protein backbones: residues of the --scaffold, and numbers of free ones around them, such as "
            "10-40,A163-181,10-40 (as in RFdiffusion). [default: the whole file, with free ends]"
        ),
    ] = None,
    vary: Annotated[
        str | None,
        typer.Option(
            help="A file of items to vary, or one item (SMILES; designs.pdb[3] of chains). Molecules: a step in the "
            "latent space; protein backbones: partial diffusion."
        ),
    ] = None,
    noise_level: Annotated[
        float | None,
        typer.Option(
            help="Noise of --vary, above 0 (no change) to 1 (nothing is left of the item). "
            "[default: 0.3; of molecules 0.4]"
        ),
    ] = None,
    symmetry: Annotated[
        str | None, typer.Option(help="Protein backbones: cyclic oligomers of equal chains, C2, C3 and so on.")
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(help=f"Diffusion models: {', '.join(SAMPLERS)}, or an installed plugin. [default: the model's]"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Diffusion models: number of sampling steps. [default: the model's]")
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(
            help="Diffusion models: strength of the guidance towards --where, or of backbones to the conditions of "
            "training chains; 0 is none. [default: the model's]"
        ),
    ] = None,
    step_noise: Annotated[
        float | None,
        typer.Option(
            help="Diffusion models: factor on the noise that a random sampler adds at each step. Below 1, draws are "
            "more probable and less diverse. [default: the model's]"
        ),
    ] = None,
    tries: Annotated[
        int | None,
        typer.Option(help="Models of sequences: most draws decoded for each item under --where; the nearest is kept."),
    ] = None,
    best_of: Annotated[
        int | None,
        typer.Option(help="Draws per item, of which the best by --steer, or the closest to --where, is kept."),
    ] = None,
    steer: Annotated[
        list[str] | None,
        typer.Option(help='A goal, such as "maximize qed", for --best-of or for --particles. Repeatable.'),
    ] = None,
    particles: Annotated[
        int | None,
        typer.Option(help="Diffusion models: particles per draw, resampled by --steer. [default: 8 without --best-of]"),
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
    """Draw new items with requested properties from a trained model.

    With --blocks, each draw that meets the request is kept if a route to it is found. Otherwise it is replaced by the
    most similar molecule found that has a route, meets the request too and isn't written yet. The columns draw and
    similarity_to_draw say what was drawn. The search takes seconds for each draw.
    """
    from sciencegen.config import GenerateSettings

    include_names = options.names(include)
    flags: dict[str, Any] = dict(
        n=n,
        where=where,
        keep=keep,
        forbid=forbid,
        include=include_names,
        raw=raw or None,
        plausible=False if implausible else None,
        attempts=attempts,
        noise_free=noise_free or None,
    )
    flags |= dict(predictors=options.folders(predictor), sampler=sampler, steps=steps, guidance=guidance)
    flags |= dict(step_noise=step_noise, tries=tries, best_of=best_of, steer=steer, particles=particles)
    flags |= dict(blocks=blocks, maximum_steps=maximum_steps)
    flags |= dict(core=core, contigs=contigs, vary=vary, noise_level=noise_level, symmetry=symmetry)
    flags |= dict(
        noise_scale=noise_scale, model=model, complete=complete_by, scaffold=scaffold, seed=seed, device=device
    )
    record = options.settings_from(GenerateSettings, settings, threads=threads, batch_size=batch_size, **flags)
    claim_output(output, force)
    if alignment is None:  # else a model is trained first
        begin_loading()

    from sciencegen.api.criteria.goals import parse_conditions
    from sciencegen.api.generate import Generation, resolve_generate
    from sciencegen.api.sampling.request import check_drawing
    from sciencegen.api.science.forms import domain_of
    from sciencegen.api.writing.writer import check_complete

    check_complete(complete_by, output)
    if alignment is not None:
        parse_conditions(record.where, domain_of(domain))  # report a wrong one before minutes of training
        check_drawing(record)
        record = of_family(domain, record, alignment, output)
    request = resolve_generate(domain, record)
    start_workers()
    generation, writer = Generation(request.draws), request.open(output, force)
    for note in request.draws.notes:
        say(f"note: {note}")
    with progress("generating", record.n) as advance:
        summary = request.write(generation, writer, generation, advance)
    for note in generation.notes:
        say(f"note: {note}")
    summarize(summary if as_json else {**summary, "missed": _missed(summary)}, output, as_json)
    if summary["written"] < record.n:
        unplaced = writer.left_out if request.draws.scaffold else 0
        hint = f" {reasons(output)}." if unplaced else ""
        raise FewerResults(_shortfall(summary, record.n, unplaced) + hint + _other_way(request))


def _missed(summary: Mapping[str, Any]) -> str:
    """How many of the rejected draws miss each condition."""
    return ", ".join(f"{name}: {count}" for name, count in summary["missed"].items())


def _other_way(request: GenerateRequest) -> str:
    """What may give more items, with the settings as they are."""
    settings, tasks = request.draws.settings, request.draws.model.recipe.tasks
    if settings.blocks:
        return " More blocks or --maximum-steps let more items that meet the request be made."
    has_core = tasks is not None and "core" in tasks.settings and not settings.core
    return " With --core, every draw is made around a part." if settings.keep and has_core else ""


def _shortfall(summary: dict[str, Any], n: int, unplaced: int = 0) -> str:
    """A message: how many items were written, why other draws were not, and what to change."""
    which = {"rejected": f"{LOST['rejected']} ({_missed(summary)})"} if summary["missed"] else {}
    lost_by = LOST | which
    counts = {
        **{what: summary[name] for name, what in lost_by.items()},
        "got no coordinates around the scaffold": unplaced,
    }
    lost = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    written = "all written; " if summary["written"] else "no file is left; "
    why = f": {summary['first_failure']}" if summary["failed"] else ""
    return (
        f"Found {summary['written']} of {n} distinct items in {summary['drawn']} draws ({written}{lost}{why}). "
        "Loosen --where, --keep or --forbid, pass --allow-implausible, or raise --attempts."
    )
