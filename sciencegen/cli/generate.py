"""`sciencegen generate`: draw new items with requested properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sciencegen.cli import options
from sciencegen.cli.console import progress, say, summarize
from sciencegen.cli.families import of_family
from sciencegen.cli.output import FewerResults, claim_output, reasons
from sciencegen.cli.workers import begin_loading, start_workers
from sciencegen.config import GenerateSettings

if TYPE_CHECKING:
    from sciencegen.api.generate import GenerateRequest

LOST = {
    "rejected": "failed a condition or pattern, or were implausible",
    "malformed": "were malformed",
    "repeated": "were duplicates",
    "undecoded": "could not be decoded",
    "failed": "could not be judged",
}
"""Why draws were not written, by the name of their count."""


@options.flags_of(GenerateSettings)
def generate(
    domain: options.Domain,
    settings: GenerateSettings,
    alignment: options.Alignment = None,
    output: options.Output = "-",
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Draw new items with requested properties from a trained model.

    With --blocks, each draw that meets the request is kept if a route to it is found. Otherwise it is replaced by the
    most similar molecule found that has a route, meets the request too and isn't written yet. The columns draw and
    similarity_to_draw say what was drawn. The search takes seconds for each draw.
    """
    claim_output(output, force)
    if alignment is None:  # else a model is trained first
        begin_loading()

    from sciencegen.api.criteria import parse_conditions
    from sciencegen.api.generate import Generation, resolve_generate
    from sciencegen.api.sampling.request import check_drawing
    from sciencegen.api.science import domain_of
    from sciencegen.api.writing.writer import check_complete

    check_complete(settings.complete, output)
    if alignment is not None:
        parse_conditions(settings.where, domain_of(domain))  # report a wrong one before minutes of training
        check_drawing(settings)
        settings = of_family(domain, settings, alignment, output)
    request = resolve_generate(domain, settings)
    start_workers()
    generation, writer = Generation(request.draws), request.open(output, force)
    for note in request.draws.notes:
        say(f"note: {note}")
    with progress("generating", settings.n) as advance:
        summary = request.write(generation, writer, generation, advance)
    for note in generation.notes:
        say(f"note: {note}")
    summarize(summary if as_json else {**summary, "missed": _missed(summary)}, output, as_json)
    if summary["written"] < settings.n:
        unplaced = writer.left_out if request.draws.scaffold else 0
        hint = f" {reasons(output)}." if unplaced else ""
        raise FewerResults(_shortfall(summary, settings.n, unplaced) + hint + _other_way(request))


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
