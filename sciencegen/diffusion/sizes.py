"""Diffusion models of items of various sizes: the first number of a latent sets the item's number of positions.

Items of the same size are processed together, so that nothing is computed for padding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from sciencegen.batch import Batch, concatenate
from sciencegen.diffusion.likelihood import check_continuous, decode, encode
from sciencegen.diffusion.model import Accept, Condition, DiffusionModel, HoldsDiffusion, TypicalConditions
from sciencegen.diffusion.steering import Steering
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.shared_noise import check_latents

Work = Callable[[Batch, Int[Tensor, " row"]], Batch]
"""(items of one size without padding, the numbers of their rows) -> items of this size."""


@dataclass(frozen=True)
class SizeTable:
    """Distribution of the number of positions. sizes: ascending. counts: number of items of each size. mean, std: of
    each (standardized) property among the items of each size."""

    sizes: Int[Tensor, " size"]
    counts: Float[Tensor, " size"]
    mean: Float[Tensor, "size property"]
    std: Float[Tensor, "size property"]

    def __post_init__(self) -> None:
        if not len(self.sizes) or int(self.sizes.min()) < 1:
            raise ConfigError(f"Expected sizes of 1 position or more, got {self.sizes.tolist()}.")

    def shares(self, rows: int, condition: Condition = None) -> Float[Tensor, "rows size"]:
        """p(n | c), proportional to p(n) prod_k N(c_k; mean_nk, std_nk) over the c_k that are given (not NaN)."""
        log_chance = self.counts.double().log().expand(rows, -1)
        if condition is not None:
            deviation = (condition.double()[:, None] - self.mean) / self.std  # [rows size property]
            log_density = -0.5 * deviation.square() - self.std.log()
            log_chance = log_chance + log_density.nan_to_num(nan=0.0).sum(-1)
        return log_chance.softmax(1)


class SizedDiffusion(HoldsDiffusion):
    """p(n | c) p(x | n, c): a size by `SizeTable`, then an item of that size. Hoogeboom et al. 2022, section 3.

    diffusion: model of items up to the largest size, without given fields; its fields with positions are cut. Draws are
    padded to the largest size and masked. A latent represents the size by the normal quantile of its place in the
    distribution p(n), so that decoding the size needs no condition. typical: conditions of training items, for draws
    where some aren't given; None: the network draws without.
    """

    def __init__(self, diffusion: DiffusionModel, table: SizeTable, typical: TypicalConditions | None = None) -> None:
        super().__init__(diffusion)
        self.typical, self.table, self.largest = typical, table, int(table.sizes.max())
        self.state, self.latent_size = diffusion.state, diffusion.latent_size + 1
        self.semantic_size = self.latent_size

    @property
    def imputes_conditions(self) -> bool:
        """Whether `generate` and `steered` take conditions that aren't given from training items."""
        return self.typical is not None and self.typical.values.numel() > 0

    def counts(self, quantile: Float[Tensor, " batch"], condition: Condition = None) -> Int[Tensor, " batch"]:
        """Numbers of positions: the inverse distribution function of p(n | c) at Phi(quantile). On the CPU."""
        below = self.table.shares(len(quantile), None if condition is None else condition.cpu()).cumsum(1)
        place = torch.searchsorted(below, torch.special.ndtr(quantile.cpu().double())[:, None])[:, 0]
        return self.table.sizes[place.clamp(max=len(self.table.sizes) - 1)]

    def quantiles(self, counts: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Inverse of `counts`: the normal quantile of the middle of each size's interval in p(n)."""
        share = self.table.shares(1)[0]
        middle = share.cumsum(0) - 0.5 * share
        return torch.special.ndtri(middle)[torch.searchsorted(self.table.sizes, counts.cpu())]

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """The size and the noise of each item; for continuous fields only."""
        check_continuous(self.state)
        if batch.mask is None:
            raise ShapeError("Expected a mask [batch position] that says how many positions each item has, got none.")

        def noise(x: Batch, rows: Tensor) -> Batch:
            x = self.state.embed(x)
            return encode(self.diffusion, self.state, x, self.diffusion.flow_path(x))

        return self._row(self._by_size(batch, batch.mask.sum(1).cpu(), noise))

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The inverse of `encode`."""

        def items(z: Batch) -> Batch:
            return self.state.read(decode(self.diffusion, self.state, z, self.diffusion.flow_path(z)))

        return self._by_size(self._noise(latent, condition), self.counts(latent[:, 0]), self._projected(items))

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """The noise projected to the state's spaces, with a size drawn from p(n | c)."""
        counts = self.counts(noise[:, 0], condition)
        return self._row(self._by_size(self._noise(noise, condition), counts, self._projected(lambda z: z)))

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        """Draw items of p(n | c) p(x | n, c) with the diffusion's sampler and guidance."""
        return self.generate_sized(noise, self.counts(noise[:, 0], condition), condition)

    @torch.no_grad()
    def generate_sized(
        self, noise: Float[Tensor, "batch latent"], counts: Int[Tensor, " batch"], condition: Condition = None
    ) -> Batch:
        """Draw items of p(x | n, c) of these sizes; the size that the noise encodes is ignored."""
        settings = self.diffusion.settings
        condition = self._completed(noise, counts, condition)

        def items(z: Batch) -> Batch:
            return self.diffusion.draw(z, settings.sampler, settings.steps)

        return self.each_size(noise, counts, self._projected(items), condition)

    @torch.no_grad()
    def each_size(
        self,
        noise: Float[Tensor, "batch latent"],
        counts: Int[Tensor, " batch"],
        work: Work,
        condition: Condition = None,
    ) -> Batch:
        """Items made by `work` of noise, of these sizes; the size that the noise encodes is ignored."""
        return self._by_size(self._noise(noise, condition), counts, work)

    @torch.no_grad()
    def steered(
        self, noise: Float[Tensor, "particle latent"], steering: Steering, condition: Condition = None
    ) -> Batch:
        """One item for each `steering.count` rows, of the size that the first row encodes."""
        quantile = noise[:: steering.count, 0].repeat_interleave(steering.count)

        def items(z: Batch) -> Batch:
            return self.diffusion.draw_steered(z, steering.after(self._whole))

        counts, every = self.counts(quantile, condition), steering.count
        first = None if condition is None else condition[::every]
        first = self._completed(noise[::every], counts[::every], first)
        condition = None if first is None else first.repeat_interleave(every, 0)
        found = self._by_size(self._noise(noise, condition), counts, self._projected(items))
        return steering.best(found)

    def _completed(self, noise: Tensor, counts: Tensor, condition: Condition) -> Condition:
        return condition if self.typical is None else self.typical.complete(noise, counts, condition)

    def _whole(self, x: Batch) -> Batch:
        """Items of one size, padded and masked."""
        first = self.state.first(x)
        mask = (torch.arange(self.largest) < first.shape[1]).expand(len(x), -1)
        return Batch(self._padded(x, first.shape[1]).fields, mask.to(first.device), x.condition)

    def _noise(self, latent: Tensor, condition: Condition) -> Batch:
        """The fields of a latent, which follow its size; not projected."""
        check_latents(latent, self.latent_size)
        return Batch(self.diffusion.fields_of(latent[:, 1:]), None, condition)

    def _row(self, z: Batch) -> Float[Tensor, "batch latent"]:
        assert z.mask is not None  # set by `_by_size`
        row = self.diffusion.row_of(z)
        return torch.cat([self.quantiles(z.mask.sum(1))[:, None].to(row), row], 1)

    def _projected(self, work: Callable[[Batch], Batch]) -> Work:
        """`work`, applied to noise of one size after projection to the state's spaces."""
        return lambda z, rows: work(Batch(self.state.project(z.fields, None), None, z.condition))

    def _by_size(self, batch: Batch, counts: Int[Tensor, " batch"], work: Work) -> Batch:
        """Apply `work` to the items of each size, without padding. Results are padded, masked and in batch order."""
        if not len(counts) or not 1 <= int(counts.min()) <= int(counts.max()) <= self.largest:
            raise ConfigError(
                f"Expected items of 1 to {self.largest} positions, the most that the model has seen, got "
                f"{f'{int(counts.min())} to {int(counts.max())}' if len(counts) else 'no items'}."
            )
        device = self.state.first(batch).device
        done, order = [], []
        for count in counts.unique().tolist():
            rows = (counts == count).nonzero()[:, 0]
            done.append(self._padded(work(self._cut(batch.select(rows.to(device)), count), rows), count))
            order.append(rows)
        found = concatenate(done).select(torch.cat(order).argsort().to(device))
        return Batch(found.fields, (torch.arange(self.largest) < counts[:, None]).to(device), batch.condition)

    def _cut(self, batch: Batch, count: int) -> Batch:
        def cut(name: str, positions: int) -> Tensor:
            value = batch[name][:, :count] if positions else batch[name]
            return value[:, :, :count] if positions == 2 else value

        return Batch({n: cut(n, field.positions) for n, field in self.state.fields.items()}, None, batch.condition)

    def _padded(self, batch: Batch, count: int) -> Batch:
        def padded(value: Tensor, positions: int) -> Tensor:
            trailing = [0, 0] * (value.ndim - 1 - positions)
            return functional.pad(value, [*trailing, *[0, self.largest - count] * positions])

        return Batch({name: padded(batch[name], field.positions) for name, field in self.state.fields.items()})
