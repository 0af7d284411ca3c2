"""The complete graph, its matrices, and functions of distances."""

import math

import pytest
import torch

from sciencegen.networks.points import centred, complete_graph, exactly, radial_functions

pytestmark = pytest.mark.usefixtures("double_precision")


def test_the_matrices_of_the_complete_graph():
    graph = complete_graph(4, torch.float64, torch.device("cpu"))
    assert torch.equal(graph.gradient.T @ graph.gradient, 4 * torch.eye(4) - torch.ones(4, 4))
    assert torch.equal(graph.incidence.T @ graph.incidence, 2 * torch.eye(4) + torch.ones(4, 4))
    assert graph.edge[graph.first, graph.second].tolist() == list(range(6))
    assert graph.edge.diagonal().tolist() == [6] * 4


def test_values_are_centred_over_real_points():
    positions = torch.randn(2, 5, 3, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    found = centred(positions, mask)
    assert found.sum(1).abs().max() < 1e-12
    assert not found[1, 3:].any()
    assert torch.allclose(centred(positions, None)[0], found[0])


def test_radial_functions_peak_at_their_centres():
    centres = torch.linspace(0, 6, 4, dtype=torch.float64)
    found = radial_functions(centres, 4, 6.0)
    assert torch.allclose(found.diagonal(), torch.ones(4, dtype=torch.float64))
    assert torch.allclose(found, found.T)
    assert found[0, 1] == pytest.approx(math.exp(-0.5))


def test_geometry_is_computed_in_its_own_precision_under_autocast():
    values = torch.randn(4, 4, dtype=torch.float32)
    exact = values @ values
    with torch.autocast("cpu", torch.bfloat16):
        assert (values @ values).dtype == torch.bfloat16
        assert torch.equal(exactly(torch.matmul, values, values), exact)


def test_a_graph_of_a_draw_serves_training():
    """It is cached; one made in inference mode can't be part of a gradient."""
    complete_graph.cache_clear()
    with torch.inference_mode():
        graph = complete_graph(5, torch.float64, torch.device("cpu"))
    points = torch.randn(5, 3, requires_grad=True)
    (graph.gradient @ points).square().sum().backward()
    assert points.grad is not None
