"""Provenance of items, for file formats that can hold it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.api.models.folder import WEIGHTS, find_model, pretrained_root, shipped_names
from sciencegen.files import sha256_of
from sciencegen.items import Origin

LONGEST = 200
"""Maximum length of a criterion in the provenance, since an item's text may be long."""

_ITEM_OF_FILE = re.compile(r"(?P<path>.+?)(\[\d+\])?")


@dataclass(frozen=True)
class Criteria:
    """The user's criteria as text: goals and conditions, patterns to keep and to forbid. start: items to start from,
    which may be among the results."""

    texts: Sequence[str] = ()
    keep: Sequence[str] = ()
    forbid: Sequence[str] = ()
    start: Sequence[str] = ()

    @property
    def words(self) -> tuple[str, ...]:
        patterns = (*(f"keep {one}" for one in self.keep), *(f"forbid {one}" for one in self.forbid))
        words = (*self.texts, *patterns, *(f"from {plain_path(one)}" for one in self.start))
        return tuple(map(_short, words))


def origin_of(
    verb: str, domain: str, model: str | Path | None, criteria: Criteria | None = None, seed: int | None = None
) -> Origin:
    """Provenance of items from a model, by default the domain's own. Call it before the computation, during which the
    model's folder may change."""
    weights, criteria = find_model(domain, model).resolve() / WEIGHTS, criteria or Criteria()
    digest = sha256_of(weights)
    return Origin(verb, _name(weights, digest), digest, seed, criteria.words, made=not criteria.start)


def origin_of_given(verb: str, asked: Iterable[str], *, seed: int | None = None) -> Origin:
    """Provenance of items some of which may be the user's."""
    return Origin(verb, "", "", seed, tuple(map(_short, asked)), made=False)


def plain_path(text: str) -> str:
    """A file's name without its folders, which may be private; other texts are unchanged."""
    match = _ITEM_OF_FILE.fullmatch(text) if len(text) < LONGEST else None
    found = match is not None and Path(match["path"]).exists()
    return Path(text).name if found else text


def _name(weights: Path, digest: str) -> str:
    """The name of a shipped model, even if it was copied; else the last two parts of the folder's path."""
    shipped = (name for name in shipped_names() if sha256_of(pretrained_root() / name / WEIGHTS) == digest)
    return next(shipped, "/".join(weights.parent.parts[-2:]))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
