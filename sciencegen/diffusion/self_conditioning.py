"""Self-conditioning: the denoiser also sees its own estimate of the step before. Chen et al. 2023 (Analog bits).

At high noise an estimate is made of decisions that z hardly shows. A network that sees them goes on with them, instead
of deciding anew at each step. In training, for a share of the batches, the estimate is the network's own at the same z.

Estimates are given fields, named by `earlier`. Without them the network has no earlier estimate: so do likelihoods, the
probability-flow ODE and steered particles, for which x^ must depend on z alone.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from sciencegen.diffusion.process import Denoiser, Levels
from sciencegen.diffusion.state import Fields
from sciencegen.errors import ConfigError


@runtime_checkable
class Recalling(Protocol):
    """A network with an input for an earlier estimate."""

    recalls: bool
    """Whether it sees the given fields `earlier(name)`, where they are given."""


def check_recalls(network: nn.Module, share: float) -> None:
    """Raise an error for a network that doesn't see the earlier estimates: they would double the cost for nothing."""
    if share and not (isinstance(network, Recalling) and network.recalls):
        raise ConfigError(
            f"Expected a self_conditioning of 0 with a network that doesn't see its earlier estimate, got {share} with "
            f"{type(network).__name__}. Leave self_conditioning out."
        )


def earlier(name: str) -> str:
    """The given field of the earlier estimate of a field.

    Examples
    --------
    >>> earlier("trace")
    'earlier_trace'
    """
    return f"earlier_{name}"


def _as_given(estimate: Fields) -> dict[str, Tensor]:
    return {earlier(name): value.detach() for name, value in estimate.items()}


def after_first_estimate(denoise: Denoiser) -> Denoiser:
    """x^(z, x^(z)), for training: the gradient passes through the second estimate alone."""

    def second(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        with torch.no_grad():
            first = denoise(z, log_snr, condition, mask)
        return denoise({**z, **_as_given(first)}, log_snr, condition, mask)

    return second


def with_last_estimate(denoise: Denoiser) -> Denoiser:
    """A denoiser for one path of a sampler: each call sees the estimate of the call before it."""
    last: dict[str, Tensor] = {}

    def following(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = denoise({**z, **last}, log_snr, condition, mask)
        last.update(_as_given(estimate))
        return estimate

    return following
