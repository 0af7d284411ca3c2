"""The recipe `sequence-vae` of tables: a series with recurrent dynamics (`vae.series_vae`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sciencegen.domains.tables.column_choice import BlockSettings, columns_and_blocks
from sciencegen.domains.tables.recipe_parts import check_score_samples, classes_of, vae_recipe, with_conditions
from sciencegen.domains.tables.representation import TableRepresentation
from sciencegen.vae.series_vae import SeriesVAE, SeriesVAESettings


@dataclass(frozen=True)
class TableSequenceSettings(SeriesVAESettings):
    """`SequenceVAESettings`, and the likelihoods.

    Attributes
    ----------
    likelihoods : mapping of str to str
        As in `TableVAESettings`.
    series : tuple of str
        The name of columns `name0`, `name1`, ... that are the times of the series; a column of arrays needs none.
    score_samples : int
        Latents for each row by which `log_likelihood` is bounded.
    """

    likelihoods: Mapping[str, str] = field(default_factory=dict)
    series: tuple[str, ...] = ()
    score_samples: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        check_score_samples(self.score_samples)


def build(representation: TableRepresentation, settings: TableSequenceSettings) -> SeriesVAE:
    """A VAE with a recurrent generator of the one series of the table."""
    tables = (array.name for array in representation.arrays if len(array.shape) < 3)
    chosen = BlockSettings(settings.likelihoods, tuple(dict.fromkeys((*tables, *settings.series))))
    columns, blocks = columns_and_blocks(representation.columns, representation.arrays, chosen)
    settings, columns = with_conditions(representation, settings, columns)
    classes = classes_of(representation)
    return SeriesVAE(len(columns), len(representation.properties), settings, columns, blocks, classes)


SEQUENCE_VAE = vae_recipe(
    name="sequence-vae",
    build=build,
    settings=TableSequenceSettings,
    description="VAE of a series with recurrent dynamics, such as counts of spikes: initial state, factors and rates.",
    training={"steps": 3000, "batch_size": 64, "learning_rate": 4e-3, "ema_decay": 0.995},
)
