"""Where CB is in an ideal residue, from N, CA and C alone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def beta_carbons(n: Float[Tensor, "*residue 3"], c: Float[Tensor, "*residue 3"]) -> Float[Tensor, "*residue 3"]:
    """CB relative to CA, from N and C relative to CA. The factors are those of ProteinMPNN (Dauparas et al. 2022).

    Examples
    --------
    >>> n, c = torch.tensor([-0.53, 1.36, 0.0]), torch.tensor([1.53, 0.0, 0.0])
    >>> round(float(beta_carbons(n, c).norm()), 2)
    1.53
    """
    return -0.58273431 * torch.linalg.cross(-n, c) - 0.56802827 * n - 0.54067466 * c
