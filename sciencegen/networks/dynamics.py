"""A recurrent generator of series: a state that begins at a function of a code, and evolves by its own dynamics.

    g_1 = tanh(W z),  g_t = GRU(g_{t-1}, [u_t, c]),  f_t = W_f g_t,  y_t = W_y f_t + b

f are few factors, y the numbers at each time. Inputs u follow an autoregressive process,

    u_1 = s e_1,  u_t = a u_{t-1} + s sqrt(1 - a^2) e_t,  e_t ~ N(0, I)

which has the standard deviation s at each time. Pandarinath et al., "Inferring single-trial neural population dynamics
using sequential auto-encoders", Nature Methods 2018, eq. 1 to 4 and 8.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

CORRELATION = math.exp(-0.1)
"""Of inputs at consecutive times, at first: a correlation time of ten steps, as in the paper."""
DEVIATION = 0.3
"""Of inputs, at first."""


class AutoregressiveInputs(nn.Module):
    """Standard normal innovations e to inputs u, with learned a and s of each input."""

    def __init__(self, inputs: int, time: int) -> None:
        super().__init__()
        self.inputs, self.time = inputs, time
        self.logit = nn.Parameter(torch.full((inputs,), math.log(CORRELATION / (1 - CORRELATION))))
        self.log_std = nn.Parameter(torch.full((inputs,), math.log(DEVIATION)))

    def forward(self, innovations: Float[Tensor, "batch time input"]) -> Float[Tensor, "batch time input"]:
        """U_t = s (a^(t-1) e_1 + sqrt(1 - a^2) sum_(k=2..t) a^(t-k) e_k)."""
        log_a = functional.logsigmoid(self.logit)
        steps = torch.arange(self.time, device=log_a.device)
        lag = (steps[:, None] - steps)[..., None]
        powers = (lag.clamp(min=0) * log_a).exp() * (lag >= 0)
        later = (1 - (2 * log_a).exp()).sqrt()
        scale = torch.where(steps[:, None] == 0, torch.ones_like(later), later)
        return self.log_std.exp() * torch.einsum("tki,bki->bti", powers * scale, innovations)


class DynamicsWriter(nn.Module):
    """The generator as a network from features [z, e, c] to numbers at each time.

    Parameters
    ----------
    code : int
        Size of z.
    others : int
        Size of c, which is an input at each time.
    channels : int
        Numbers at each time.
    time, width, factors, inputs : int
        Length of the series; sizes of g, f and u.

    Examples
    --------
    >>> network = DynamicsWriter(code=2, others=0, channels=5, time=4, width=8, factors=3, inputs=1)
    >>> network(torch.zeros(6, 2 + 4)).shape
    torch.Size([6, 5, 4])
    """

    def __init__(
        self, code: int, others: int, channels: int, time: int, width: int, factors: int, inputs: int = 0
    ) -> None:
        super().__init__()
        self.time, self.inputs, self.sizes = time, inputs, [code, inputs * time, others]
        self.driven = AutoregressiveInputs(inputs, time) if inputs else None
        self.first = nn.Linear(code, width)
        self.network = nn.GRU(max(inputs + others, 1), width, batch_first=True)
        self.factors = nn.Linear(width, factors, bias=False)
        self.outward = nn.Linear(factors, channels)

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch channel time"]:
        return self.outward(self.factors_of(features)).transpose(1, 2)

    def factors_of(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch time factor"]:
        """The factors f; rows of W_f have length 1."""
        code, _, others = features.split(self.sizes, 1)
        parts = [self.inputs_of(features), others[:, None].expand(-1, self.time, -1)]
        known = torch.cat(parts, -1) if sum(self.sizes[1:]) else features.new_zeros(len(features), self.time, 1)
        states, _ = self.network(known, torch.tanh(self.first(code))[None])
        return functional.linear(states, functional.normalize(self.factors.weight, dim=1))

    def inputs_of(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch time input"]:
        """The inputs u."""
        innovations = features.split(self.sizes, 1)[1].unflatten(1, (self.time, self.inputs))
        return innovations if self.driven is None else self.driven(innovations)
