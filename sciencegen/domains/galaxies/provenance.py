"""How the stamps of a file came to be, as its header says it: what wrote it, the model, the seed, what was asked."""

from __future__ import annotations

from typing import Any

from sciencegen.items import Origin


def provenance(origin: Origin | None) -> dict[str, tuple[Any, str]]:
    """Keyword -> (value, comment). SYNTHET: that none was observed. MODEL, MODELSHA: its name, the sha256 of its
    weights, where no comment fits."""
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
    """As text where it is too large for the numbers of a file."""
    return seed if seed < 1 << 63 else str(seed)


def history(origin: Origin | None) -> list[str]:
    """The command in words, what was asked of it, and what else is to be known."""
    if origin is None:
        return []
    asked = (f"asked: {one}" for one in origin.asked)
    return list(map(_ascii, (f"sciencegen {origin.verb}", *asked, *origin.notes)))


def _ascii(text: str) -> str:
    """FITS headers hold printable ASCII alone."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
