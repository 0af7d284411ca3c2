"""ChemNet activations, and their moments, for the Fréchet ChemNet distance (Preuer et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
import torch
from fcd.utils import get_one_hot, load_imported_model

from sciencegen.devices import computing_device
from sciencegen.metrics.sets import Moments

PADDED_LENGTH = 350
"""ChemNet reads one-hot SMILES padded to this length; the padding is part of the activation's definition."""
BATCH_SIZE = 256


@lru_cache(maxsize=1)
def load_chemnet() -> torch.nn.Module:
    """The published network, read as plain tensors (`fcd.load_ref_model` would unpickle)."""
    with as_file(files("fcd") / "ChemNet_v0.13_pretrained.pt") as path:
        layers = torch.load(path, map_location="cpu", weights_only=True)
    return load_imported_model(layers).eval()


def activations(canonical: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield batches [molecule 512] of the last hidden layer; strings too long for ChemNet are left out. Computed on the
    device of `computing_on`."""
    device = computing_device()
    network = load_chemnet().to(device)
    fitting = [text for text in canonical if len(text) < PADDED_LENGTH]
    for start in range(0, len(fitting), BATCH_SIZE):
        one_hot = np.stack([get_one_hot(text, PADDED_LENGTH) for text in fitting[start : start + BATCH_SIZE]])
        features = torch.from_numpy(one_hot.astype(np.float32) / one_hot.shape[2])
        with torch.inference_mode():
            yield network(features.transpose(1, 2).to(device)).cpu().numpy()


def activation_moments(canonical: Sequence[str]) -> Moments:
    """Mean and covariance of the activations of a set, in constant memory."""
    return Moments.accumulate(activations(canonical))
