"""Provenance of stamps for the header of a file: software, model, seed, requested conditions."""

from __future__ import annotations

from typing import Any

from sciencegen.items import Origin


def provenance(origin: Origin | None) -> dict[str, tuple[Any, str]]:
    """Keyword -> (value, comment). SYNTHET: True if stamps were generated. MODEL, MODELSHA: the model's name and the
    sha256 of its weights, which leave no space for comments."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        made_by = f"sciencegen {version('sciencegen')}"
    except PackageNotFoundError:
        made_by = "sciencegen"
    cards: dict[str, tuple[Any, str]] = {"ORIGIN": (made_by, "what wrote this file")}
    if origin is None:
        return cards
    if origin.made:
        cards["SYNTHET"] = (True, "made by a model, not observed")
    if origin.model:
        cards |= {"MODEL": (_ascii(origin.model), ""), "MODELSHA": (origin.weights, "")}
    return cards if origin.seed is None else cards | {"SEED": (_whole(origin.seed), "of the random numbers")}


def _whole(seed: int) -> int | str:
    """The seed, as text if it exceeds a 64-bit integer."""
    return seed if seed < 1 << 63 else str(seed)


def history(origin: Origin | None) -> list[str]:
    """The command, the requested conditions, and notes, one per line."""
    if origin is None:
        return []
    asked = (f"asked: {one}" for one in origin.asked)
    return list(map(_ascii, (f"sciencegen {origin.verb}", *asked, *origin.notes)))


def _ascii(text: str) -> str:
    """Replace characters that FITS headers can't contain: they allow printable ASCII only."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
