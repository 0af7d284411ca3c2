"""Turns of space, with a reflection or without."""

import torch


def orthogonal(seed=0, reflect=False):
    matrix = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)))[0]
    return matrix if (torch.det(matrix) < 0) == reflect else -matrix
