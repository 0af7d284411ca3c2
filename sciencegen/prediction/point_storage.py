"""A predictor of points as files, named as in storage.py: plain numbers, and every array; no pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.files import atomic_write
from sciencegen.networks.equivariant.harmonics import HarmonicSettings
from sciencegen.networks.equivariant.properties import PropertyNetwork
from sciencegen.prediction.baselines import Baseline
from sciencegen.prediction.points import Conformal, PointPredictor
from sciencegen.prediction.storage import ARRAYS, NUMBERS, of_a_predictor, read_numbers
from sciencegen.runs import FORMAT_VERSION, RunFolder

KIND = "points"


def save_points(predictor: PointPredictor, folder: str | Path) -> Path:
    """Write a complete predictor into a run folder: the arrays last, with their checksum among the numbers."""
    from safetensors.numpy import save as to_bytes

    arrays = {
        "types": predictor.types,
        "baseline.weights": predictor.baseline.weights,
        "baseline.scale": predictor.baseline.scale,
        "conformal.difficulty": predictor.conformal.difficulty,
        "conformal.quantile": predictor.conformal.quantile,
    }
    for member, network in enumerate(predictor.networks):
        state = network.state_dict().items()
        arrays |= {f"network.{member}.{name}": value.detach().cpu().numpy() for name, value in state}
    content = to_bytes({name: np.array(array, order="C") for name, array in arrays.items()})
    numbers = {
        "format_version": FORMAT_VERSION, "kind": KIND, "targets": predictor.targets, "smallest": predictor.smallest,
        "largest": predictor.largest, "charges": predictor.charges, "readouts": predictor.baseline.readouts,
        "settings": asdict(predictor.settings),
        "members": len(predictor.networks), "level": predictor.level,
        "arrays_sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    run = RunFolder(folder)
    run.write_json(NUMBERS, numbers)
    with atomic_write(run / ARRAYS, "wb") as handle:
        handle.write(content)
    return run.path


def load_points(folder: str | Path) -> PointPredictor:
    """Load the predictor in a folder, on the CPU."""
    from safetensors.torch import load_file

    run = RunFolder(folder, create=False)
    numbers = read_numbers(run, KIND)
    with of_a_predictor(run):
        return _assembled(numbers, load_file(run / ARRAYS))


def _assembled(numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> PointPredictor:
    plain = {name: value.numpy() for name, value in arrays.items() if not name.startswith("network.")}
    readouts, settings = tuple(numbers["readouts"]), HarmonicSettings(**numbers["settings"])
    networks = []
    for member in range(numbers["members"]):
        network, prefix = PropertyNetwork(len(plain["types"]), readouts, settings), f"network.{member}."
        network.load_state_dict({k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)})
        networks.append(network.eval().requires_grad_(False))
    return PointPredictor(
        tuple(numbers["targets"]),
        plain["types"],
        numbers["smallest"],
        numbers["largest"],
        Baseline(plain["baseline.weights"], plain["baseline.scale"], readouts),
        settings,
        tuple(networks),
        Conformal(plain["conformal.difficulty"], plain["conformal.quantile"]),
        numbers["level"],
        None if numbers.get("charges") is None else tuple(numbers["charges"]),
    )
