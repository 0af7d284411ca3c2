"""A predictor as files: `predictor.json` (settings and plain numbers) and `predictor.safetensors` (every array).

Nothing is pickled, so opening a folder from an unknown source runs no code. The regressors consist of arrays
(families.py), and predictions after loading are identical.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.errors import IncompatibleError, converted
from sciencegen.files import atomic_write, sha256_of
from sciencegen.metrics.numbers import Warp
from sciencegen.prediction.columns import FeatureColumns
from sciencegen.prediction.families import Curve, Family, Kernel, Product, Ridge, TreeFamily, Trees
from sciencegen.prediction.predictor import Calibration, Predictor, PredictorSettings
from sciencegen.runs import FORMAT_VERSION, RunFolder, check_format

NUMBERS = "predictor.json"
ARRAYS = "predictor.safetensors"
STORED_FAMILIES: dict[str, type[Family]] = {
    "ridge": Ridge, "curve": Curve, "kernel": Kernel, "product": Product, "boosting": TreeFamily, "forest": TreeFamily,
}  # fmt: skip


def save(predictor: Predictor, folder: str | Path) -> Path:
    """Write a complete predictor into a run folder."""
    calibration = predictor.calibration
    optional = {"beyond": calibration.extrapolation_errors, "reference_errors": calibration.reference_errors}
    arrays = {
        "reference": predictor.reference.astype(np.float32),  # standardized columns hold single precision
        "reference_seen": predictor.reference_left_in,
        "calibration.residuals": calibration.residuals,
        "calibration.folds": calibration.folds,
        "calibration.difficulty": calibration.difficulty,
        **{f"calibration.{name}": array for name, array in optional.items() if array is not None},
        **{f"columns.{k}.{n}": a for k, c in predictor.columns.items() for n, a in _arrays(c).items()},
        **{f"family.{k}.{n}": a for k, f in predictor.families.items() for n, a in _arrays(f).items()},
    }
    return write_predictor(folder, _numbers(predictor), arrays)


def write_predictor(folder: str | Path, numbers: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """The files of any predictor: the arrays last, with their checksum among the numbers."""
    from safetensors.numpy import save as to_bytes

    content = to_bytes({name: np.array(array, order="C") for name, array in arrays.items()})
    run = RunFolder(folder)
    run.write_json(NUMBERS, {**numbers, "arrays_sha256": hashlib.sha256(content).hexdigest()})
    with atomic_write(run / ARRAYS, "wb") as handle:
        handle.write(content)
    return run.path


def read_numbers(run: RunFolder, kind: str | None = None) -> dict[str, Any]:
    """The numbers of a predictor of this kind; truncated, changed or newer files raise an error."""
    numbers = run.read_json(NUMBERS)
    if not isinstance(numbers, dict) or numbers.get("kind") != kind:
        what = f"a predictor of {kind}" if kind else "the numbers of a predictor"
        raise IncompatibleError(f"Expected {what} in {run / NUMBERS}, found something else.")
    check_format(numbers.get("format_version"), str(run / NUMBERS))
    if not run.has(ARRAYS) or sha256_of(run / ARRAYS) != numbers.get("arrays_sha256"):
        raise IncompatibleError(
            f"Expected {run / ARRAYS} as it was saved, found it missing or changed. Train the predictor again."
        )
    return numbers


def load(folder: str | Path) -> Predictor:
    """Load the predictor in a folder."""
    from safetensors.numpy import load_file

    run = RunFolder(folder, create=False)
    numbers = read_numbers(run)
    with of_a_predictor(run):
        return _assembled(numbers, load_file(run / ARRAYS))


def of_a_predictor(run: RunFolder) -> AbstractContextManager[None]:
    """Any error of code that assembles a damaged predictor is an IncompatibleError."""
    return converted(
        lambda error: IncompatibleError(
            f"Expected a complete predictor in {run.path}, found a part missing or changed "
            f"({type(error).__name__}: {str(error)[:300]}). Copy the folder again, or train it again."
        ),
        unchanged=IncompatibleError,
    )


def _numbers(predictor: Predictor) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "settings": asdict(predictor.settings),
        "columns": {name: columns.size for name, columns in predictor.columns.items()},
        "families": list(predictor.families),
        "weights": dict(predictor.weights),
        "border": predictor.calibration.border,
        "calibrated": predictor.calibration.kind,
        "scale": _written_scale(predictor.scale),
        "summary": dict(predictor.summary),
        "made_by": dict(predictor.made_by),
    }


def _assembled(numbers: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Predictor:
    settings = {**numbers["settings"], "families": tuple(numbers["settings"]["families"])}
    numbers, arrays = _as_now(numbers, arrays)
    names, calibration = numbers["families"], _within(arrays, "calibration.")
    beyond = calibration.pop("beyond", None)
    return Predictor(
        settings=PredictorSettings(**settings),
        columns={k: FeatureColumns(size=n, **_within(arrays, f"columns.{k}.")) for k, n in numbers["columns"].items()},
        reference=arrays["reference"].astype(np.float64),
        reference_left_in=arrays["reference_seen"],
        families={name: _family(name, _within(arrays, f"family.{name}.")) for name in names},
        weights={name: numbers["weights"][name] for name in names},
        calibration=Calibration(
            **calibration, border=numbers["border"], kind=numbers["calibrated"], extrapolation_errors=beyond
        ),
        scale=_scale(numbers["scale"]),
        summary=numbers["summary"],
        made_by=numbers["made_by"],
    )


def _written_scale(scale: Warp) -> dict[str, Any]:
    """The fields of a scale for JSON, where an infinite offset is null."""
    return {**asdict(scale), "offset": None if math.isinf(scale.offset) else scale.offset}


def _scale(numbers: Mapping[str, Any]) -> Warp:
    """The scale, also from an older format with two kinds: mean, deviation, and the shift of a logarithm or null."""
    if "deviation" in numbers:
        shift = numbers.get("shift")
        name, offset = ("linear", math.inf) if shift is None else ("log", shift)
        return Warp(name, 0.0, offset, 1.0, numbers["mean"], numbers["deviation"])
    return Warp(**{**numbers, "offset": math.inf if numbers["offset"] is None else numbers["offset"]})


def _as_now(numbers: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Numbers and arrays in the current format, converted from that of before there were splits and scales."""
    if "scale" in numbers:
        return dict(numbers), dict(arrays)
    scale = {"mean": numbers["target_mean"], "deviation": numbers["target_scale"]}
    fold = arrays["reference_fold"]
    left_in = fold[:, None] != np.arange(fold.max() + 1)
    return {**numbers, "scale": scale, "calibrated": "random", "made_by": {}}, {**arrays, "reference_seen": left_in}


def _family(name: str, arrays: Mapping[str, np.ndarray]) -> Family:
    kind = STORED_FAMILIES[name]
    return TreeFamily(Trees(**arrays)) if issubclass(kind, TreeFamily) else kind(**arrays)


def _arrays(record: Family | FeatureColumns) -> dict[str, np.ndarray]:
    """The array fields of a record (of a tree family, those of its trees)."""
    source = record.trees if isinstance(record, TreeFamily) else record
    values = {field.name: getattr(source, field.name) for field in fields(source)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _within(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
