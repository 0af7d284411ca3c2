"""ChemNet's activations on the device that is asked for."""

import numpy as np
import pytest
import torch

from sciencegen.devices import computing_on
from sciencegen.domains.molecules import metrics

TEXTS = ["CCO", "c1ccccc1", "CC(=O)Nc1ccc(O)cc1", "C" * 400]


def test_activations_are_computed_on_the_device_that_is_asked_for(monkeypatch):
    places = []

    class Network(torch.nn.Module):
        def to(self, device):
            places.append(device)
            return self

        def forward(self, x):
            return x.mean((1, 2))[:, None].expand(-1, 512)

    monkeypatch.setattr(metrics, "load_chemnet", Network)
    (first,) = metrics.activations(TEXTS[:2])
    with computing_on("cpu"):
        (second,) = metrics.activations(TEXTS)
    assert (first.shape, second.shape) == ((2, 512), (3, 512))
    assert places == ["cpu", "cpu"]
    with computing_on("meta"), pytest.raises(NotImplementedError):  # its numbers can't be read
        list(metrics.activations(TEXTS))
    assert places[-1] == "meta"


@pytest.mark.gpu
def test_a_gpu_has_the_activations_of_a_cpu():
    expected = np.concatenate(list(metrics.activations(TEXTS)))
    with computing_on("cuda"):
        found = np.concatenate(list(metrics.activations(TEXTS)))
    np.testing.assert_allclose(found, expected, atol=1e-3)
