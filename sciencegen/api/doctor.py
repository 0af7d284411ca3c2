"""Doctor: report what this installation has."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from importlib.metadata import EntryPoint, PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from sciencegen.api.datasets import list_datasets
from sciencegen.api.models.folder import CONFIG, load_model, pretrained_root, shipped_names
from sciencegen.api.predictors.folder import find_predictor, load_predictor, shipped_predictors
from sciencegen.data.fetch import cache_root, is_offline
from sciencegen.data.threads import worker_count
from sciencegen.domains import DOMAINS, domain_names, load_domain
from sciencegen.errors import EXTRAS, MissingLibrary, SciencegenError
from sciencegen.plugins import broken_part, entry_points, package_of, plugins_refused
from sciencegen.runs import RunFolder
from sciencegen.scoring.plugins import load_plugged

GROUPS = {
    "domain": "sciencegen.domains", "recipe": "sciencegen.recipes", "oracle": "sciencegen.oracles",
    "sampler": "sciencegen.samplers", "search method": "sciencegen.search_methods",
    "acquisition": "sciencegen.acquisitions",
}  # fmt: skip
"""Kind of part -> group of entry points by which packages add it."""

REQUIREMENT = re.compile(r"(?!sciencegen\b)([\w.-]+)[^;]*(?:;.*\bextra == ['\"]([\w-]+)['\"])?")
"""The name of a library in a requirement of the package's, and the extra that asks for it."""

FAULTS = (SciencegenError, ImportError, OSError)
"""What a broken installation raises; OSError is that of a library of torch's that can't be opened."""


def examine() -> dict[str, dict[str, str]]:
    """Facts by section: system, libraries, devices, plugins, weights, predictors, datasets."""
    return {
        "system": _system(),
        "libraries": {**_libraries(), **_optional()},
        "devices": _devices(),
        "plugins": _plugins() or {"none": "no installed package adds parts"},
        "weights": {name: _weights(name) for name in shipped_names()} or {"none": "no weights are shipped"},
        "predictors": {name: _predictor(name) for name in shipped_predictors()} or {"none": "none is shipped"},
        "datasets": {row["name"]: _dataset(row) for row in list_datasets()},
    }


def _dataset(row: dict[str, Any]) -> str:
    here = {"yes": "all is here", "sample": f"a sample of {row['sample']:,} is here"}.get(row["here"], "not here")
    return f"{here}, {row['rows']:,} rows in all"


def _system() -> dict[str, str]:
    return {
        "sciencegen": _version("sciencegen"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": str(worker_count(0)),
        "domains": ", ".join(_domain(name) for name in domain_names()),
        "cache": f"{cache_root()}" + (" (offline)" if is_offline() else ""),
    }


def _domain(name: str) -> str:
    """The name, with a note if it can't be loaded: of an extra that it needs; why an installed package's can't is said
    under plugins."""
    if name in DOMAINS:
        try:
            load_domain(name)
        except MissingLibrary as error:
            return f"{name} (needs sciencegen[{error.extra}])"
        return name
    (entry, *_) = entry_points(group=GROUPS["domain"], name=name)
    return f"{name} (can't be loaded)" if _fault("domain", entry) else name


def _plugins() -> dict[str, str]:
    """Parts that installed packages add: whether they are active, the package and the place in it; or why not."""
    found = [(kind, entry) for kind, group in GROUPS.items() for entry in sorted(entry_points(group=group))]
    return {f"{kind} {entry.name}": _state(kind, entry) for kind, entry in found}


def _state(kind: str, entry: EntryPoint) -> str:
    if plugins_refused():
        return f"not active, since plugins are refused: {package_of(entry)}, {entry.value}"
    return _fault(kind, entry) or f"active: {package_of(entry)}, {entry.value}"


def _fault(kind: str, entry: EntryPoint) -> str:
    """Why the part can't be loaded, "" if it can."""
    try:
        if kind == "domain":
            load_domain(entry.name)
        elif kind == "oracle":
            load_plugged(entry.name)
        else:
            entry.load()
    except SciencegenError as error:
        return f"can't be loaded: {error}"
    except Exception as error:  # third-party code
        return f"can't be loaded: {broken_part(kind, entry, error)}"
    return ""


def _libraries() -> dict[str, str]:
    """The declared dependencies of this package, with their installed versions; those of an extra may be absent."""
    try:
        stated = requires("sciencegen") or []
    except PackageNotFoundError:
        stated = []
    found: dict[str, str] = {}
    for name, extra in (match.groups() for text in stated if (match := REQUIREMENT.match(text))):
        if name not in found and (extra is None or extra in EXTRAS):
            state = _version(name)
            is_absent = extra and state == "missing"
            found[name] = f"not installed (optional: pip install 'sciencegen[{extra}]')" if is_absent else state
    return found


def _optional() -> dict[str, str]:
    """The optional libraries of the included domains: their versions, or what they are for."""
    found = {}
    for domain in DOMAINS:
        with suppress(MissingLibrary):
            for name, purpose in load_domain(domain).optional_libraries.items():
                state = _version(name)
                found[name] = state if state != "missing" else f"not installed (optional: {purpose})"
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _devices() -> dict[str, str]:
    try:
        import torch
    except FAULTS as error:
        return {"cpu": f"torch can't be imported: {error}"}
    found = {"cpu": f"{torch.get_num_threads()} threads"}
    for index in range(torch.cuda.device_count()):
        properties: Any = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        found["mps"] = "available"
    if not torch.cuda.is_available():
        found["cuda"] = "none" + (" (torch was built for CUDA)" if torch.version.cuda else " (torch is the CPU build)")
    if os.environ.get("CUDA_VISIBLE_DEVICES"):
        found["CUDA_VISIBLE_DEVICES"] = os.environ["CUDA_VISIBLE_DEVICES"]
    return found


def _weights(name: str) -> str:
    """Whether the shipped weights can be loaded, and what they are."""
    try:
        loaded = load_model(_domain_in(pretrained_root() / name), name, "cpu")
    except FAULTS as error:
        return f"can't be loaded: {error}"
    count = sum(parameter.numel() for parameter in loaded.model.parameters())
    latent = "completes items" if loaded.recipe.completes else f"latent {loaded.space.size}"
    return f"loads; {loaded.config['domain']}, {loaded.config['recipe']}, {count:,} parameters, {latent}"


def _predictor(name: str) -> str:
    """Whether the shipped predictor can be loaded, and its targets."""
    try:
        loaded = load_predictor(_domain_in(find_predictor(name)), name)
    except FAULTS as error:
        return f"can't be loaded: {error}"
    return f"loads; {loaded.domain}, {', '.join(loaded.targets)}"


def _domain_in(folder: Path) -> str:
    return RunFolder(folder, create=False).read_yaml(CONFIG)["domain"]
