"""CB of ideal residues: at the length of a bond, and of L-amino acids."""

import numpy as np
import pytest
import torch

from sciencegen.domains.proteins.backbones.geometry import is_dextro
from sciencegen.domains.proteins.backbones.inverse_folding import beta_carbons
from tests.domains.proteins.backbones.examples import helix


def test_they_lie_on_the_side_of_l_amino_acids() -> None:
    n, ca, c, _ = helix(12).swapaxes(0, 1)
    beta = beta_carbons(torch.from_numpy(n - ca), torch.from_numpy(c - ca)).numpy()
    assert np.linalg.norm(beta, axis=-1) == pytest.approx(1.53, abs=0.03)
    assert not is_dextro(n, ca, c, ca + beta).any()
    assert is_dextro(*(one * [1, 1, -1] for one in (n, ca, c, ca + beta))).all()
