"""Where the items of a file come from, told in the file where its format has a place for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sciencegen.api.models import WEIGHTS, find_model, pretrained_root, shipped_names
from sciencegen.domains.base import Origin
from sciencegen.files import sha256_of

LONGEST = 200
"""Characters told of one thing that was asked: an item may be its whole text."""


def origin_of(
    verb: str, domain: str, model: str | Path | None, asked: Iterable[str] = (), *, seed: int | None = None,
    keep: Iterable[str] = (), forbid: Iterable[str] = (),
) -> Origin:  # fmt: skip
    """Of items that a verb makes with a model, the domain's own where none is named."""
    weights = find_model(domain, model).resolve() / WEIGHTS
    digest = sha256_of(weights)
    told = (*asked, *(f"keep {one}" for one in keep), *(f"forbid {one}" for one in forbid))
    return Origin(verb, _name(weights, digest), digest, seed, tuple(map(_short, told)))


def _name(weights: Path, digest: str) -> str:
    """A shipped model's, wherever it was copied to; else the last two parts of its folder's path."""
    shipped = (name for name in shipped_names() if sha256_of(pretrained_root() / name / WEIGHTS) == digest)
    return next(shipped, "/".join(weights.parent.parts[-2:]))


def origin_of_given(verb: str, source: str, asked: Iterable[str] = (), *, seed: int | None = None) -> Origin:
    """Of items some of which may be those of a source that was given."""
    return Origin(verb, "", "", seed, tuple(map(_short, (f"items of {source}", *asked))), made=False)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
