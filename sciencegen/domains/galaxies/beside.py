"""What is told about a file in `<file>.yaml` next to it, or in `stamps.yaml` in its folder (`headers`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from sciencegen.domains.galaxies.headers import KEYWORDS
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.files import version_of

OWN, OWN_WITHIN = b"ORIGIN  = 'sciencegen ", 5760
"""Card in the header of FITS files by this program, and the bytes in which it is looked for."""
FURTHER = ("images", "keywords", "mask", "use", "sky", "resample")


def changed_at(path: Path) -> tuple[int, ...]:
    """When a file was changed, and what is told beside it, and this process: a cache of open files needs all three. A
    copy of the process has none of its files open."""
    beside = _place_beside(path)
    return os.getpid(), *(one for place in (path, beside) if place is not None for one in version_of(place))


def _is_own(path: Path) -> bool:
    """Whether a FITS file is one that this program wrote, which lacks nothing."""
    try:
        with open(path, "rb") as file:
            return OWN in file.read(OWN_WITHIN)
    except OSError:
        return False


def _place_beside(path: Path) -> Path | None:
    """`stamps.yaml` is for the files of others: it would be applied twice to what was made from them."""
    own, of_folder = path.with_name(f"{path.name}.yaml"), path.with_name("stamps.yaml")
    if own.is_file():
        return own
    return of_folder if of_folder.is_file() and not _is_own(path) else None


def told_beside(path: Path) -> Mapping[str, Any]:
    """Content of `<file>.yaml` or of the folder's `stamps.yaml`, {} if there is neither."""
    beside = _place_beside(path)
    told = {} if beside is None else _told_in(beside, version_of(beside))
    if isinstance(told, ConfigError):
        raise ConfigError(str(told))
    return told


@lru_cache(maxsize=64)
def _told_in(beside: Path, changed: tuple[int, ...]) -> Mapping[str, Any] | ConfigError:
    """The content of a file, or what is wrong with it, which may take seconds to find and is asked for each stamp."""
    from sciencegen.yaml_text import parse_yaml  # on use: it imports yaml

    try:
        content = parse_yaml(beside.read_text(encoding="utf-8"))
    except ValueError as error:
        return ConfigError(f"Expected YAML in {beside}, found something else: {error}.")
    if not isinstance(content, dict):
        return ConfigError(f"Expected keys such as pixel_scale in {beside}, found {str(content)[:60]}.")
    for name, value in content.items():
        if name not in KEYWORDS and name not in FURTHER:
            return unknown_name(f"key in {beside}", str(name), (*KEYWORDS, *FURTHER))
        if expected := _other_kind(name, value):
            return ConfigError(f"Expected {expected} for {name} in {beside}, found {str(value)[:60]}.")
    return content


def _other_kind(name: str, value: Any) -> str:
    """What a key needs instead of a value of this kind; "" if it fits."""
    if name == "keywords":
        fits = isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)
        return "" if fits else "names of keywords, such as {pixel_scale: ARCSECPX},"
    if name in ("bands", "use"):
        fits = isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str | int) for one in value))
        return "" if fits else "names, such as [g, r]," if name == "bands" else "names of bands, such as [r],"
    if name in ("images", "unit", "mask"):
        return "" if isinstance(value, str) else "a text"
    if name == "sky":
        return "" if value == "edge" else "edge"
    if name == "resample":
        fits = isinstance(value, dict) and "side" in value and set(value) <= {"side", "pixel_scale"}
        fits = fits and isinstance(value["side"], int) and isinstance(value.get("pixel_scale", 1), int | float)
        return "" if fits else "{side: 64, pixel_scale: 0.1}, in pixels and arcsec,"
    if name == "zero_point" and isinstance(value, list):
        return "" if value and all(isinstance(one, int | float) for one in value) else "a number for each band"
    return "" if isinstance(value, str | int | float) else "a number"
