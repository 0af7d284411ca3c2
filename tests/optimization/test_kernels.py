"""Kernels are positive definite, and are the sums that their docstrings say."""

from itertools import combinations
from math import comb, prod

import numpy as np
import pytest
import torch

from sciencegen.optimization import gaussian_process as kernels
from sciencegen.optimization.feature_rows import SiteRows, fit_encoding
from sciencegen.optimization.gaussian_process import SiteKernel, TanimotoKernel, binomial, symmetric_sums, table_kernel
from sciencegen.optimization.surrogate import tanimoto_kernel


def site_rows(count, sites, kinds=5, seed=0, features=3):
    generator = np.random.default_rng(seed)
    letters = generator.standard_normal((kinds, features))
    return SiteRows(generator.integers(0, kinds, (count, sites)).astype(np.uint8), letters)


def site_kernel(rows, seed=0):
    encoding = fit_encoding(rows)
    kernel = SiteKernel(encoding)
    with torch.no_grad():
        for parameter in kernel.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed))
    return kernel, torch.as_tensor(encoding.points(rows))


def test_sums_over_sets_are_elementary_symmetric_polynomials():
    terms = [torch.tensor(value, dtype=torch.float64) for value in (0.3, 0.7, 0.2, 0.9)]
    one = torch.ones((), dtype=torch.float64)
    for ones in (0, 1, 3):
        everything = [*terms, *[one] * ones]
        for order, found in enumerate(symmetric_sums(terms, one, ones)):
            assert float(found) == pytest.approx(
                float(sum(prod(c, start=one) for c in combinations(everything, order)))
            )


def test_a_real_count_has_a_binomial_between_those_of_its_neighbours():
    assert [binomial(n, 2) for n in (2, 3, 10)] == pytest.approx([comb(n, 2) for n in (2, 3, 10)])
    assert 3 < binomial(3.5, 2) < 6
    assert binomial(1.2, 2) == pytest.approx(1)


@pytest.mark.parametrize("sites", [1, 2, 4, 12])
def test_the_site_kernel_is_positive_definite_and_agrees_with_itself(sites):
    kernel, points = site_kernel(site_rows(40, sites))
    with torch.no_grad():
        whole = kernel(points).to_dense()
        assert torch.linalg.eigvalsh(whole).min() > -1e-10
        assert torch.allclose(whole, whole.T)
        assert torch.allclose(kernel(points, diag=True), whole.diagonal())
        assert torch.allclose(kernel(points[:7], points[7:20]).to_dense(), whole[:7, 7:20])
        batch = kernel(points.reshape(8, 5, sites), points.reshape(8, 5, sites)).to_dense()
        assert torch.allclose(batch[3], whole[15:20, 15:20])


@pytest.mark.parametrize("mutated", [0.05, 1.0])
def test_many_sites_by_power_sums_are_the_sums_site_by_site(mutated, monkeypatch):
    rows = site_rows(30, 12)
    rows.codes[np.random.default_rng(1).random(rows.codes.shape) > mutated] = 2
    kernel, points = site_kernel(rows)

    def matrix_and_slope():
        kernel.zero_grad()
        found = kernel(points[:20], points[5:]).to_dense()
        found.square().sum().backward()
        return [found.detach(), *(parameter.grad.clone() for parameter in kernel.parameters())]

    many = matrix_and_slope()
    monkeypatch.setattr(kernels, "FEW_SITES", 12)
    for one, other in zip(many, matrix_and_slope(), strict=True):
        assert torch.allclose(one, other, rtol=1e-9)


def test_single_precision_is_near():
    kernel, points = site_kernel(site_rows(30, 4))
    with torch.no_grad():
        single = kernel(points.float()).to_dense()
        assert single.dtype == torch.float32
        assert torch.allclose(single.double(), kernel(points).to_dense(), atol=1e-5)


def test_alike_letters_are_alike_and_the_more_sites_differ_the_less():
    letters = np.array([[0.0], [0.1], [3.0]])
    rows = SiteRows(np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 2, 2], [2, 2, 2]], np.uint8), letters)
    kernel = SiteKernel(fit_encoding(rows))
    with torch.no_grad():
        first = kernel(torch.as_tensor(rows.codes.astype(float))).to_dense()[0]
    assert (np.diff(first.numpy()) < 0).all()


def test_bits_and_dense_columns_make_one_kernel():
    generator = np.random.default_rng(0)
    bits = (generator.random((50, 200)) < 0.1).astype(float)
    table = np.concatenate([generator.standard_normal((50, 6)) * 100 + 5, bits, np.ones((50, 2))], 1)
    encoding = fit_encoding(table)
    assert len(encoding.dense) == 6
    points = torch.as_tensor(encoding.points(table))
    with torch.no_grad():
        assert torch.linalg.eigvalsh(table_kernel(encoding)(points).to_dense()).min() > -1e-10
        sparse = points[:, 6:]
        found = TanimotoKernel()(sparse).to_dense().numpy()
    assert found == pytest.approx(tanimoto_kernel(sparse.numpy(), sparse.numpy()), abs=1e-12)
