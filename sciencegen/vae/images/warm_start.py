"""An autoencoder of images that begins with the weights of a trained one, and hears other columns of a condition.

What reads a condition keeps its weights of columns that both have; of new ones it reads nothing at first. So before
training all is as it was, but for what the trained one drew of columns that aren't told any more.

Few conditions teach a flow p(c | told) by heart. The trained one's, gone on with them, foresees others like them well,
but has no place for a new column. So the new model's learns from many draws of that one, to which new columns are
matched by their predictive mean (Little 1988, section 2): a linear regression on the columns that both have says which
of the few items are most like a draw, and one of these gives what it has.
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
"""Conditions from which the new flow learns; more items than this need no draws beside them."""
DONORS, MOST_DONORS = 5, 2000
"""Of how many items nearest to it a draw gets its new columns; of how many in all."""
RIDGE = 1.0
"""Of the regression on standardized columns."""


@dataclass(frozen=True)
class Pretrained:
    """What a model began with. wishes: the trained one's p(c | told). columns: of each of the new model's, its number
    there, None for a new one."""

    wishes: ConditionImputation
    columns: tuple[int | None, ...]

    @property
    def shared(self) -> tuple[list[int], list[int]]:
        """Columns that both have: their numbers here and there."""
        both = [(here, there) for here, there in enumerate(self.columns) if there is not None]
        return [here for here, _ in both], [there for _, there in both]


@torch.no_grad()
def warm_start(trained: Any, fresh: Any, columns: Sequence[int | None]) -> None:
    """The weights of one `ImageVAE` into another, in place; columns: as `Pretrained` has them."""
    pretrained = fresh.pretrained = Pretrained(copy.deepcopy(trained.wishes), tuple(columns))
    here = fresh.state_dict()
    alike = pretrained.columns == tuple(range(trained.conditions.count))
    for name, value in trained.state_dict().items():
        if name in here and (alike or not name.startswith("wishes.")):
            _carry(value, here[name])
    for old, new in zip(_readers(trained), _readers(fresh), strict=True):
        if old is not None and new is not None:
            _read_alike(old, new, pretrained, trained.conditions.count)
    if trained.prior.reader is not None and fresh.prior.reader is None:
        fresh.prior.start_unconditional(trained.prior)


def _carry(old: Tensor, new: Tensor) -> None:
    """Of a layer that reads more, nothing is read of what comes last."""
    if old.shape == new.shape:
        new.copy_(old)
    elif old.ndim == 2 and len(old) == len(new) and old.shape[1] < new.shape[1]:
        new.zero_()[:, : old.shape[1]] = old


def _readers(model: Any) -> list[nn.Linear | None]:
    """Layers whose last inputs are a condition's features: its columns, then whether each is told. None: no condition,
    no layer."""
    networks = model.networks
    mlps = [networks.posterior.head, networks.known, networks.flux_bend]
    mlps += [flow.network.known for flow in model.map_flows]
    heads = [None if mlp is None else cast(nn.Linear, mlp.hidden[0]) for mlp in mlps]
    return [networks.flux, model.prior.reader, *heads]


def _read_alike(old: nn.Linear, new: nn.Linear, pretrained: Pretrained, count: int) -> None:
    """count: of the trained one's columns."""
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
    """Many whole conditions like these, in which numbers may be missing; these themselves where they are many, or where
    there is nothing to draw others by. Further arguments: of `ConditionImputation.learn`."""
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
def _drawn(wishes: ConditionImputation, told: Condition, generator: Generator) -> Condition:
    return wishes(standard_normal(told.shape, generator, told), told)


def matched(
    known: Float[Tensor, "donor known"],
    given: Float[Tensor, "donor given"],
    like: Float[Tensor, "item known"],
    generator: Generator,
) -> Float[Tensor, "item given"]:
    """For each item what one of the donors has whose predicted mean is nearest to the item's."""
    centre, mean = known.mean(0), given.mean(0)
    x, y = known - centre, given - mean
    slope = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(x.shape[1]).to(x), x.T @ y)
    scale = (y - x @ slope).square().mean(0).sqrt().clamp(min=1e-6)
    distance = torch.cdist((like - centre) @ slope / scale, x @ slope / scale)
    near = distance.topk(min(DONORS, len(known)), largest=False).indices
    one = torch.randint(near.shape[1], (len(near), 1), generator=generator, device=generator.device)
    return given[near.gather(1, one.to(near.device))[:, 0]]
