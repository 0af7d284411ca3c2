"""What else the diffusion of backbones draws: scaffolds of motifs, variations of chains, symmetric oligomers."""

from __future__ import annotations

from sciencegen.diffusion.sizes import SizedDiffusion
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.proteins.backbones.diffusion import SAMPLER, motif_task, oligomer_task, variation_task
from sciencegen.domains.proteins.backbones.representation import BackboneRepresentation


def resolve(model: SizedDiffusion, representation: BackboneRepresentation, settings: TaskSettings) -> DrawTask:
    """The one task of the settings."""
    if settings.scaffold is not None:
        return motif_task(model, settings)
    if settings.vary is not None:
        return variation_task(model, settings)
    return oligomer_task(model, settings)


TASKS = DrawTasks(
    settings=frozenset({"scaffold", "contigs", "vary", "noise_level", "symmetry"}),
    resolve=resolve,
    samplers={"scaffold": SAMPLER},
)
