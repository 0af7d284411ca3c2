"""The variational autoencoder of a series with dynamics: LFADS (Pandarinath et al. 2018; Sussillo et al. 2016).

It is an `ArrayVAE` whose decoder is a recurrent generator (`networks.grids`): a latent is the generator's initial
state z, and with inputs also the innovations e of its autoregressive inputs, whose prior is N(0, I):

    log p(x) >= E_q log p(x | z, e) - KL(q(z | x) || p(z)) - sum_t KL(q(e_t | x) || N(0, I))

The encoder is a recurrent network in both directions, whose states at a time give q(e_t | x). The paper's controller,
which also reads the factors of the time before, is left out: all times are inferred at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError
from sciencegen.networks.grids import DynamicsWriter, SeriesReader
from sciencegen.networks.shared_noise import check_latents
from sciencegen.vae.array_columns import ArrayBlock, BlockDecoder, BlockEncoder, Condition, LikelihoodColumn, expected
from sciencegen.vae.array_vae import PRODUCT, ArrayVAE, ArrayVAESettings, Classes, MakePrior, latents_of, parts_of
from sciencegen.vae.model import VAEParts
from sciencegen.vae.posteriors import LOG_STD_RANGE, DiagonalGaussian, GaussianPosterior
from sciencegen.vae.priors import LowestLevel, StandardNormalPrior


@dataclass(frozen=True)
class SeriesVAESettings(ArrayVAESettings):
    """`ArrayVAESettings`, of which `latent` is the size of the initial state's code and `width` that of the recurrent
    networks.

    Attributes
    ----------
    factors : int
        Numbers at each time of which all others are linear functions (on the scale of the logarithm of rates).
    inputs : int
        Inputs of the generator at each time that are inferred too; 0 for autonomous dynamics.
    """

    width: int = 64
    factors: int = 8
    inputs: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factors < 1 or self.inputs < 0:
            raise ConfigError(
                f"Expected factors of 1 or more, and inputs of 0 or more, got {self.factors} and {self.inputs}."
            )
        if self.direct:
            raise ConfigError("Expected no direct maps in a series' networks, got direct. Leave it out.")
        if self.posterior == PRODUCT:
            raise ConfigError(
                "Expected another posterior of a series than 'product', which has no network. Choose one."
            )
        plain = (self.posterior, self.prior, self.layers, self.semi_supervised)
        if self.inputs and plain != ("gaussian", "standard_normal", (), False):
            raise ConfigError(
                "Expected posterior 'gaussian', prior 'standard_normal', no layers and no semi_supervised with inputs, "
                f"got '{self.posterior}', '{self.prior}', {list(self.layers)} and {self.semi_supervised}. Leave them "
                "out, or set inputs=0."
            )

    @property
    def code(self) -> int:
        """Size of the latent that the generator reads."""
        return self.layers[0] if self.layers else self.latent


class SeriesVAE(ArrayVAE):
    """A `LatentModel` of a series and further columns. blocks: the series.

    Examples
    --------
    >>> from sciencegen.batch import Batch
    >>> columns = [LikelihoodColumn("poisson", mean=2.0, std=1.5)] * 6
    >>> series = ArrayBlock("series", (2, 3), tuple(range(6)))
    >>> settings = SeriesVAESettings(latent=2, width=8, factors=2)
    >>> model = SeriesVAE(6, 0, settings, columns, [series])
    >>> latent = model.encode(Batch({"values": torch.zeros(4, 6)}))
    >>> {name: tuple(one.shape) for name, one in model.inferred(latent).items()}
    {'rates': (4, 3, 2), 'factors': (4, 3, 2)}
    """

    def __init__(
        self, size: int, property_count: int, settings: SeriesVAESettings, columns: Sequence[LikelihoodColumn],
        blocks: Sequence[ArrayBlock], classes: Classes = (), diffused: MakePrior | None = None,
    ) -> None:  # fmt: skip
        if [block.kind for block in blocks] != ["series"]:
            raise ConfigError(
                f"Expected one series, got {len(blocks)} columns of arrays: {[block.kind for block in blocks]}. Join "
                "series as channels [time channel], and leave images out."
            )
        parts = _parts(property_count, settings, columns, blocks, classes)
        super().__init__(size, property_count, settings, columns, blocks, parts, diffused=diffused)
        self.series = blocks[0]

    @torch.no_grad()
    def inferred(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> dict[str, Tensor]:
        """Expected numbers of the series [item time channel], factors [item time factor] and inputs of latents."""
        check_latents(latent, self.latent_size)
        code, decoder = self._code(latent[:, : self.sizes[0]]), self.vae.decoder
        if isinstance(decoder, LowestLevel):
            code, decoder = code[:, : decoder.size], decoder.decoder
        features, writer = decoder.known(code, condition), decoder.writers[0]
        rates = expected(decoder.groups[-1], writer(features).flatten(1)).unflatten(1, self.series.shape)
        found = {"rates": rates.transpose(1, 2), "factors": writer.factors_of(features)}
        return {**found, "inputs": writer.inputs_of(features)} if writer.inputs else found


def _parts(
    properties: int,
    s: SeriesVAESettings,
    columns: Sequence[LikelihoodColumn],
    blocks: Sequence[ArrayBlock],
    classes: Classes,
) -> VAEParts:
    """The networks; with inputs, the latent has their innovations behind the code."""
    time = blocks[0].shape[1]
    writer = partial(_writer, code=s.code, factors=s.factors, driven=s.inputs)
    size = s.code + s.inputs * time
    decoder = BlockDecoder(columns, blocks, size, s.read_by_decoder(properties), s.width, s.depth, writer)
    if not s.inputs:
        reader = BlockEncoder(columns, blocks, s.width, s.depth)
        return parts_of(reader, latents_of(reader, properties, s), decoder, properties, s, classes)
    encoder = DynamicsEncoder(columns, blocks, s.width, s.depth, s.inputs)
    posterior = InputsPosterior(GaussianPosterior(s.width, s.latent, properties, s.width, 1), s.width, s.inputs * time)
    return VAEParts(encoder, decoder, posterior, StandardNormalPrior(size))


def _writer(
    block: ArrayBlock, inputs: int, channels: int, width: int, code: int, factors: int, driven: int
) -> nn.Module:
    time = block.shape[1]
    return DynamicsWriter(code, inputs - code - driven * time, channels, time, width, factors, driven)


class DynamicsEncoder(BlockEncoder):
    """A `BlockEncoder` that also gives means and log standard deviations of the innovations at each time."""

    def __init__(
        self, columns: Sequence[LikelihoodColumn], blocks: Sequence[ArrayBlock], width: int, depth: int, inputs: int
    ) -> None:
        super().__init__(columns, blocks, width, depth)
        self.innovations = nn.Linear(2 * width, 2 * inputs)

    def of_inputs(self, inputs: Float[Tensor, "batch input"]) -> Float[Tensor, "batch feature"]:
        (plain, series), reader = self.split(inputs), self.readers[0]
        assert isinstance(reader, SeriesReader)
        read, states = reader.read(series)
        features = functional.silu(self.network(torch.cat([plain, read], 1)))
        mean, log_std = self.innovations(states).chunk(2, -1)
        return torch.cat([features, mean.flatten(1), log_std.flatten(1)], 1)


class InputsPosterior(nn.Module):
    """q(z, e | x, c), a diagonal Gaussian. features: those for z, then means and log standard deviations of e."""

    def __init__(self, initial: GaussianPosterior, width: int, size: int) -> None:
        super().__init__()
        self.initial, self.sizes, self.latent_size = initial, [width, size, size], initial.latent_size + size

    def forward(self, features: Float[Tensor, "batch feature"], condition: Condition = None) -> DiagonalGaussian:
        own, mean, log_std = features.split(self.sizes, 1)
        first = self.initial(own, condition)
        return DiagonalGaussian(
            torch.cat([first.mean, mean], 1), torch.cat([first.log_std, log_std.clamp(*LOG_STD_RANGE)], 1)
        )
