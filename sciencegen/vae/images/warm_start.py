"""Initialize an autoencoder of images with the weights of a trained one whose condition has other columns.

Layers that take a condition keep the weights of shared columns; those of new columns start at 0. So before training,
the new model equals the trained one, except that it does not impute columns that were removed.

With few conditions, a new density p(c | known) overfits. The trained model's, continued on them, predicts similar
conditions well, but has no input for a new column. So the new model's density is fitted to many draws of the trained
one, to which new columns are added by predictive mean matching (Little 1988, section 2): a linear regression on the
shared columns finds the few items that are most similar to a draw, and the draw gets the new columns of one of them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.data.spacing import evenly_spaced
from sciencegen.networks.descent import FitProgress, no_progress
from sciencegen.networks.normal import standard_normal
from sciencegen.vae.condition_imputation import Condition, ConditionImputation
from sciencegen.vae.prior_fitting import PriorFitSettings

MANY = 10_000
"""Conditions to which the new density is fitted; with so many items or more, no draws are needed."""
DONORS, MOST_DONORS = 5, 2000
"""Number of nearest items of which one is the donor of a draw's new columns; most items to choose from."""
RIDGE = 1.0
"""Penalty of the regression on standardized columns."""


@dataclass(frozen=True)
class Pretrained:
    """The trained model whose weights were copied. wishes: its p(c | known). columns: for each column of the new
    model, its number in the trained one, None for a new column."""

    wishes: ConditionImputation
    columns: tuple[int | None, ...]

    @property
    def shared(self) -> tuple[list[int], list[int]]:
        """Columns of both models: their numbers in the new one and in the trained one."""
        both = [(here, there) for here, there in enumerate(self.columns) if there is not None]
        return [here for here, _ in both], [there for _, there in both]


@torch.no_grad()
def warm_start(trained: Any, fresh: Any, columns: Sequence[int | None]) -> None:
    """Copy the weights of one `ImageVAE` to another, in place; columns: as in `Pretrained`."""
    pretrained = fresh.pretrained = Pretrained(copy.deepcopy(trained.wishes), tuple(columns))
    here = fresh.state_dict()
    for name, value in trained.state_dict().items():
        if name in here and not name.startswith("wishes."):
            _copy_padded(value, here[name])
    if pretrained.columns == tuple(range(trained.conditions.count)):
        fresh.wishes.load_state_dict(trained.wishes.state_dict())
    for old, new in zip(_condition_layers(trained), _condition_layers(fresh), strict=True):
        if old is not None and new is not None:
            _copy_columns(old, new, pretrained, trained.conditions.count)
    if trained.prior.reader is not None and fresh.prior.reader is None:
        fresh.prior.start_unconditional(trained.prior)


def _copy_padded(old: Tensor, new: Tensor) -> None:
    """Copy weights; those of additional inputs, which come last, are 0."""
    if old.shape == new.shape:
        new.copy_(old)
    elif old.ndim == 2 and len(old) == len(new) and old.shape[1] < new.shape[1]:
        new.zero_()[:, : old.shape[1]] = old


def _condition_layers(model: Any) -> list[nn.Linear | None]:
    """Layers whose last inputs are a condition's features: its columns, then whether each is known. None: a layer that
    does not exist without a condition."""
    networks = model.networks
    mlps = [networks.posterior.head, networks.known, networks.flux_bend]
    mlps += [flow.network.known for flow in model.map_flows]
    plain = [networks.flux, model.prior.reader]
    if networks.profiles is not None:
        mlps.append(networks.profiles.bend)
        plain.append(networks.profiles.plain)
    return [*plain, *(None if mlp is None else cast(nn.Linear, mlp.hidden[0]) for mlp in mlps)]


def _copy_columns(old: nn.Linear, new: nn.Linear, pretrained: Pretrained, count: int) -> None:
    """Copy the weights of shared columns; the others are 0. count: number of the trained model's columns."""
    here, there = (torch.tensor(numbers, dtype=torch.long) for numbers in pretrained.shared)
    other = new.in_features - 2 * len(pretrained.columns)
    new.weight[:, other:] = 0
    new.weight[:, :other] = old.weight[:, :other]
    for place, before in ((other, other), (other + len(pretrained.columns), other + count)):
        new.weight[:, place + here] = old.weight[:, before + there]


def augmented_conditions(
    pretrained: Pretrained,
    few: Float[Tensor, "row property"],
    generator: Generator,
    settings: PriorFitSettings,
    signs: Float[Tensor, "orientation property"],
    progress: FitProgress = no_progress,
) -> Float[Tensor, "item property"]:
    """Many complete conditions similar to `few`, which may have missing values. Returns `few` itself if it has many
    rows, or if others cannot be drawn. Further arguments: of `ConditionImputation.learn`."""
    (here, there), wishes = pretrained.shared, pretrained.wishes
    whole = few[~few.isnan().any(1)]
    if not wishes.fitted or not here or not 0 < len(whole) < MANY:
        return few
    known, turns = (one.new_full((len(one), wishes.count), torch.nan) for one in (whole, signs))
    known[:, there], turns[:, there] = whole[:, here], signs[:, here]
    known = _drawn(wishes, known, generator)
    wishes.learn(known, generator, settings, turns.nan_to_num(1.0), progress)
    made = few.new_full((MANY, len(pretrained.columns)), torch.nan)
    made[:, here] = _drawn(wishes, few.new_full((MANY, wishes.count), torch.nan), generator)[:, there]
    new = [number for number, there in enumerate(pretrained.columns) if there is None]
    if new:
        donors = whole[evenly_spaced(len(whole), MOST_DONORS)]
        made[:, new] = matched(donors[:, here], donors[:, new], made[:, here], generator)
    return made


@torch.no_grad()
def _drawn(wishes: ConditionImputation, known: Condition, generator: Generator) -> Condition:
    return wishes(standard_normal(known.shape, generator, known), known)


def matched(
    known: Float[Tensor, "donor known"],
    given: Float[Tensor, "donor given"],
    like: Float[Tensor, "item known"],
    generator: Generator,
) -> Float[Tensor, "item given"]:
    """For each item the `given` values of one of the donors whose predicted means are nearest to the item's."""
    centre, mean = known.mean(0), given.mean(0)
    x, y = known - centre, given - mean
    slope = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(x.shape[1]).to(x), x.T @ y)
    scale = (y - x @ slope).square().mean(0).sqrt().clamp(min=1e-6)
    distance = torch.cdist((like - centre) @ slope / scale, x @ slope / scale)
    near = distance.topk(min(DONORS, len(known)), largest=False).indices
    one = torch.randint(near.shape[1], (len(near), 1), generator=generator, device=generator.device)
    return given[near.gather(1, one.to(near.device))[:, 0]]
