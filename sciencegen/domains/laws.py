"""Laws of the contract. A law has a part of a domain, a sentence about it, and a function that describes a violation.

These functions return "" if the law holds; otherwise a text, which their docstrings describe.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sciencegen.domains.base import Domain
from sciencegen.errors import SciencegenError
from sciencegen.items import Item, Refusal

SEED = 0
FEWEST_EXAMPLES = 2
CLOSE = 1e-6
PICTURE = re.compile(r"<svg\b.*(</svg>|/>)|<img\b.*>", re.DOTALL)


class ContractError(SciencegenError):
    """A domain violates a law of the contract.

    Parameters
    ----------
    domain : str
    part : str
        Part of the record, such as `items.parse`.
    law : str
        What was expected.
    got : str
        What was found instead.
    remedy : str
    """

    def __init__(self, domain: str, part: str, law: str, got: str, remedy: str) -> None:
        super().__init__(
            f"{domain}: `{part}` breaks the contract. Expected that {law}, got {got.rstrip('.')}. {remedy}"
        )
        self.domain, self.part, self.law, self.got, self.remedy = domain, part, law, got, remedy


@dataclass(frozen=True)
class Subject:
    """A domain with examples of its items, as texts."""

    domain: Domain
    texts: tuple[str, ...]

    @cached_property
    def items(self) -> list[Item]:
        """The examples that parse."""
        return [item for item in map(self.domain.items.parse, self.texts) if not isinstance(item, Refusal)]

    @property
    def generator(self) -> np.random.Generator:
        """A new generator with the same seed at each call."""
        return np.random.default_rng(SEED)

    def keys(self, items: Sequence[Item]) -> list[str]:
        return [self.domain.items.key(item) for item in items]

    def parses(self, item: Item) -> bool:
        """Whether parsing the item's text gives the same item."""
        return parses(self.domain, item)


def parses(domain: Domain, item: Item | Refusal) -> bool:
    """Whether parsing the item's text gives the same item; True for a refusal."""
    if isinstance(item, Refusal):
        return True
    again = domain.items.parse(domain.items.text(item))
    return not isinstance(again, Refusal) and domain.items.key(again) == domain.items.key(item)


@dataclass(frozen=True)
class Law:
    """One law.

    Parameters
    ----------
    part : str
        Part of the record. A law of an optional part holds if the part is None.
    law : str
        The sentence that follows "Expected that".
    breach : (subject) -> str
        What was found instead, "" if the law holds.
    remedy : str
    builds_model : bool
        Whether the check builds a model, which takes memory and time.
    """

    part: str
    law: str
    breach: Callable[[Subject], str]
    remedy: str
    builds_model: bool = False

    def check(self, subject: Subject) -> None:
        try:
            got = self.breach(subject)
        except Exception as error:  # a domain may be third-party code
            got = f"{type(error).__name__}: {error}"
            raise ContractError(subject.domain.name, self.part, self.law, got, self.remedy) from error
        if got:
            raise ContractError(subject.domain.name, self.part, self.law, got, self.remedy)


def shape_breach(array: np.ndarray, shape: tuple[int | None, ...]) -> str:
    """Describe the shape of an array that differs from `shape`, in which None matches any number."""
    found = np.shape(array)
    same = len(found) == len(shape) and all(b in (None, a) for a, b in zip(found, shape, strict=True))
    return "" if same else f"an array of shape {found}"


def is_picture(text: object) -> bool:
    """Whether a text is a whole SVG element or <img>, from its first tag to its last."""
    return isinstance(text, str) and PICTURE.fullmatch(text.strip()) is not None
