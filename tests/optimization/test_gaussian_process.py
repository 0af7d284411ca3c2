"""The process is BoTorch's own, its short cuts are exact, and its draws follow the posterior."""

import numpy as np
import pytest
import torch

from sciencegen.devices import computing_on
from sciencegen.optimization.feature_rows import fit_encoding
from sciencegen.optimization.gaussian_process import GaussianProcess
from tests.optimization.test_kernels import site_rows


def made(kind, count=40, errors=None, seed=0):
    generator = np.random.default_rng(seed)
    if kind == "sites":
        rows = site_rows(count + 30, 4)
        targets = rows.letters[rows.codes].sum((1, 2))
    else:
        rows = generator.standard_normal((count + 30, 3))
        targets = np.sin(rows[:, 0]) + rows[:, 1]
    targets = (targets - targets.mean()) / targets.std() + 0.1 * generator.standard_normal(count + 30)
    encoding = fit_encoding(rows)
    points = encoding.points(rows)
    errors = np.full(count, np.nan) if errors is None else errors
    process = GaussianProcess(encoding, points[:count], targets[:count], errors, generator)
    return process, points, targets


@pytest.mark.parametrize("kind", ["sites", "table"])
def test_marginals_and_joints_are_botorchs_posterior(kind):
    process, points, _ = made(kind)
    new = points[40:]
    with torch.no_grad():
        posterior = process.model.posterior(torch.as_tensor(new))
        mean, covariance = posterior.mean[:, 0].numpy(), posterior.distribution.covariance_matrix.numpy()
    joint, marginals = process.joint(new), process.marginals(new)
    assert joint.mean == pytest.approx(mean, abs=1e-6)
    assert joint.covariance == pytest.approx(covariance, abs=1e-6)
    assert marginals.mean == pytest.approx(mean, abs=1e-3)
    assert marginals.deviation == pytest.approx(np.sqrt(np.diag(covariance)), abs=3e-3)


@pytest.mark.parametrize("kind", ["sites", "table"])
def test_it_learns_and_is_less_sure_of_what_it_has_not_seen(kind):
    process, points, targets = made(kind)
    marginals = process.marginals(points)
    assert np.corrcoef(marginals.mean[40:], targets[40:])[0, 1] > 0.7
    assert marginals.deviation[40:].mean() > marginals.deviation[:40].mean()


def test_what_is_expected_of_one_left_out_is_what_the_others_say():
    process, points, targets = made("table", count=15)
    left_out = process.left_out()
    kernel = process.model.covar_module
    with torch.no_grad():
        whole = kernel(torch.as_tensor(points[:15])).to_dense().numpy() + process.noise * np.eye(15)
    constant = process.model.mean_module.constant.item()
    for i in range(15):
        others = np.arange(15) != i
        weights = np.linalg.solve(whole[np.ix_(others, others)], whole[others, i])
        assert left_out.mean[i] == pytest.approx(constant + weights @ (targets[:15][others] - constant), abs=1e-5)
        assert left_out.deviation[i] ** 2 == pytest.approx(whole[i, i] - weights @ whole[others, i], abs=1e-5)


def test_stated_errors_make_a_measurement_count_less():
    errors = np.full(40, 0.01)
    errors[0] = 3.0
    _, points, targets = made("table")
    trusted = made("table", errors=np.full(40, 0.01))[0].marginals(points[:1])
    doubted = made("table", errors=errors)[0].marginals(points[:1])
    assert doubted.deviation[0] > trusted.deviation[0]
    assert abs(doubted.mean[0] - targets[0]) > abs(trusted.mean[0] - targets[0])


def test_many_points_are_tuned_on_some_and_all_are_learned_from(monkeypatch):
    monkeypatch.setattr("sciencegen.optimization.gaussian_process.TUNING_POINTS", 20)
    process, points, _ = made("table")
    assert len(process.model.train_targets) == 40
    with torch.no_grad():
        mean = process.model.posterior(torch.as_tensor(points[40:])).mean[:, 0].numpy()
    assert process.joint(points[40:]).mean == pytest.approx(mean, abs=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["sites", "table"])
def test_a_gpu_has_the_process_of_a_cpu(kind):
    process, points, _ = made(kind)
    with computing_on("cuda"):
        other, _, _ = made(kind)
    assert other.model.train_targets.is_cuda
    for one, two in ((process.marginals(points), other.marginals(points)), (process.left_out(), other.left_out())):
        assert two.mean == pytest.approx(one.mean, abs=1e-2)
        assert two.deviation == pytest.approx(one.deviation, abs=1e-2)
    assert other.joint(points[40:]).covariance == pytest.approx(process.joint(points[40:]).covariance, abs=1e-2)


def test_single_precision_devices_have_no_process():
    with computing_on("mps"):
        process, _, _ = made("table", count=12)
    assert process.device == "cpu"
