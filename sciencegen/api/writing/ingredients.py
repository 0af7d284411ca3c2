"""What the rows of an output depend on: settings, models, files, software and the computer."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sciencegen.api.models.checksums import SETTINGS, settings_sha256
from sciencegen.api.models.folder import (
    REPRESENTATION,
    WEIGHTS,
    describe_model,
    find_model,
    pretrained_root,
    referred_to,
)
from sciencegen.api.models.identity import SUMMARY, data_of
from sciencegen.api.predictors.folder import find_predictor
from sciencegen.config import Resources
from sciencegen.errors import DataError
from sciencegen.files import sha256_of
from sciencegen.items import Json
from sciencegen.runs import LIBRARIES, library_versions

MODELS = ("model", "complete")
"""Settings that name a model."""
FILES = ("scaffold", "blocks", "vary", "training", "start")
"""Settings that name files, or items."""
NOT_RECORDED = frozenset({"threads", "batch_size", "cache", "device"})
"""Settings on which results don't depend. The device that was used is recorded by itself."""
FURTHER = ("scipy", "pandas", "galsim", "astropy", "photutils", "biopython", "h5py")
"""Libraries that rows depend on, beside those of `runs`."""
_PLACE = re.compile(r"(?P<path>.+?)(?P<number>\[\d+\])?", re.DOTALL)


@dataclass(frozen=True)
class Ingredients:
    """What rows depend on; take it before the computation, during which files may change.

    verb, domain, device: as they were used. settings: of the verb, with absolute paths. models: sha256 of the parts
    of each model; inputs: sha256 of each file or folder; both by the setting that names it. versions: of software, and
    what the computer is.
    """

    verb: str
    domain: str
    device: str
    settings: Json
    models: Mapping[str, Mapping[str, str]]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]


def ingredients_of(verb: str, domain: str, settings: Resources, device: str) -> Ingredients:
    """The ingredients of a verb's rows."""
    plain = {name: value for name, value in settings.model_dump(mode="json").items() if name not in NOT_RECORDED}
    models, inputs = model_checksums(domain, plain), file_checksums(domain, plain)
    return Ingredients(verb, domain, device, _absolute(plain, domain), models, inputs, versions_here())


def versions_here() -> dict[str, str]:
    """Versions of sciencegen, Python and libraries, and the computer's kind, with the instructions that torch uses."""
    import torch

    computer = f"{platform.system()} {platform.machine()}"
    return {
        **library_versions(["sciencegen"]),
        "python": platform.python_version(),
        "platform": computer,
        "processor": torch.backends.cpu.get_cpu_capability(),
        **library_versions([*LIBRARIES, *FURTHER]),
    }


def model_checksums(domain: str, settings: Json) -> dict[str, dict[str, str]]:
    """sha256 of a model's settings, representation and weights, for each model that is used."""
    found = describe_model(domain, settings["model"])
    models = {"model": found}
    if completing := settings.get("complete") or found.config.get("complete"):
        models["complete"] = describe_model(domain, completing)
    return {
        name: {SETTINGS: settings_sha256(one.config)}
        | {part: sha256_of(one.run / part) for part in (REPRESENTATION, WEIGHTS)}
        for name, one in models.items()
    }


def file_checksums(domain: str, settings: Json) -> dict[str, str]:
    """sha256 of each file and folder that settings name, if it exists; of a search without known items of the user's,
    also of the data that the model learned from, if they are here."""
    found = {name: sha256_of(path) for name, path in _places(settings)}
    if "training" in settings and settings["training"] is None:
        data = data_of(find_model(domain, settings["model"]))
        found |= {} if data is None else {"training": sha256_of(Path(data) / SUMMARY)}
    return found


def _places(settings: Json) -> Iterator[tuple[str, Path]]:
    """(setting, file or folder) of those that exist."""
    for name in FILES:
        given = settings.get(name)
        texts = {name: given} if isinstance(given, str) else {f"{name} {at}": one for at, one in enumerate(given or ())}
        for key, text in texts.items():
            if (path := _path_in(text)) is not None:
                yield key, path
    for name, folder in (settings.get("predictors") or {}).items():
        try:
            yield f"predictor {name}", find_predictor(folder)
        except DataError:
            continue


def _path_in(text: str, folder: Path = Path()) -> Path | None:
    """The file or folder that a text names (`designs.pdb[3]`), or None."""
    match = _PLACE.fullmatch(text)
    try:
        return folder / match["path"] if match is not None and (folder / match["path"]).exists() else None
    except (OSError, ValueError):  # too long, or with a NUL
        return None


def _absolute(settings: Json, domain: str) -> Json:
    """The settings with absolute paths, so that they hold whatever the working folder becomes."""

    def of_model(model: str) -> str:
        place = find_model(domain, model).resolve()
        return model if place.parent == pretrained_root() else str(place)

    return _replaced(settings, lambda text: _moved(text, Path.resolve), of_model)


def portable(settings: Json, folder: Path) -> Json:
    """The settings for a file in `folder`: paths are relative to it, so that both can be moved together."""

    def relative(path: Path) -> Path:
        return Path(os.path.relpath(path, folder.resolve()))

    return _replaced(
        settings,
        lambda text: _moved(text, relative),
        lambda model: str(relative(Path(model))) if Path(model).is_absolute() else model,
    )


def _moved(text: str, change: Callable[[Path], Path]) -> str:
    """The text with another path, if it names a file or folder that exists."""
    path, match = _path_in(text), _PLACE.fullmatch(text)
    return text if path is None or match is None else f"{change(path)}{match['number'] or ''}"


def located(settings: Json, folder: Path) -> Json:
    """The inverse of `portable`. Paths that aren't there are kept."""

    def there(text: str) -> str:
        path, match = _path_in(text, folder), _PLACE.fullmatch(text)
        return text if path is None or match is None else f"{path}{match['number'] or ''}"

    return _replaced(settings, there, lambda model: referred_to(model, folder) or model)


def _replaced(settings: Json, of_file: Callable[[str], str], of_model: Callable[[str], str]) -> Json:
    """Settings with other names of files and models."""
    changed = dict(settings)
    for name in MODELS:
        if isinstance(given := settings.get(name), str):
            changed[name] = of_model(given)
    for name in FILES:
        if isinstance(given := settings.get(name), str):
            changed[name] = of_file(given)
        elif given:
            changed[name] = [of_file(one) for one in given]
    if settings.get("predictors"):
        changed["predictors"] = {name: of_file(folder) for name, folder in settings["predictors"].items()}
    return changed
