"""The recipes of tables, imported on use: they need torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sciencegen.domains.tables.column_choice import BlockSettings, columns_and_blocks
from sciencegen.domains.tables.diffusion_recipe import ARRAY_DIFFUSION
from sciencegen.domains.tables.recipe_parts import check_score_samples, classes_of, vae_recipe, with_conditions
from sciencegen.domains.tables.representation import TableRepresentation
from sciencegen.domains.tables.sequence_recipe import SEQUENCE_VAE
from sciencegen.vae.array_vae import ArrayVAE, ArrayVAESettings


@dataclass(frozen=True)
class TableVAESettings(ArrayVAESettings):
    """`ArrayVAESettings`, and the likelihoods.

    Attributes
    ----------
    likelihoods : mapping of str to str
        Column -> "gaussian", "student_t", "log_normal", "poisson", "negative_binomial", "discretized_logistic",
        "bernoulli" or "categorical", which arrays can't have; other columns get one by what they hold
        (`column_choice.automatic`).
    series : tuple of str
        Columns of arrays that are learned as series [time channel], and names of columns `name0`, `name1`, ... that
        are the times of one.
    images : tuple of str
        Columns of arrays that are learned as images. Others are by their shape (`schema.is_series`).
    multinomial : mapping of str to sequence of str
        Count columns that share a likelihood: the counts of a row are multinomial given their total [1]_, which is
        negative binomial. The name of columns `name0`, `name1`, ... stands for all of them.
    score_samples : int
        Latents for each row by which `log_likelihood` is bounded.

    References
    ----------
    .. [1] Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018, eq. 2.
    """

    likelihoods: Mapping[str, str] = field(default_factory=dict)
    series: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    multinomial: Mapping[str, Sequence[str]] = field(default_factory=dict)
    score_samples: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        check_score_samples(self.score_samples)


def build(representation: TableRepresentation, settings: TableVAESettings) -> ArrayVAE:
    """A VAE with a likelihood for each column, and networks for arrays."""
    chosen = BlockSettings(settings.likelihoods, settings.series, settings.images, settings.multinomial)
    columns, blocks = columns_and_blocks(representation.columns, representation.arrays, chosen)
    settings, columns = with_conditions(representation, settings, columns)
    classes = classes_of(representation)
    return ArrayVAE(len(columns), len(representation.properties), settings, columns, blocks, classes=classes)


RECIPES = {
    "array-vae": vae_recipe(
        name="array-vae",
        build=build,
        settings=TableVAESettings,
        description="VAE of the rows of a table, with a likelihood for each column; missing cells are marginalized.",
    ),
    ARRAY_DIFFUSION.name: ARRAY_DIFFUSION,
    SEQUENCE_VAE.name: SEQUENCE_VAE,
}
