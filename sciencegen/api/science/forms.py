"""What runs in killable workers: records of plain values, because a worker loads its domain by name."""

from __future__ import annotations

from functools import cache
from typing import Any

from sciencegen.domains import load_domain


@cache
def _cached_domain(name: str) -> Any:
    return load_domain(name)


def domain_of(name: str) -> Any:
    """The `Domain` with this name (`in_form` names a form of one), loaded once in a process."""
    return _cached_domain(name)


def in_form(domain: str, form: str) -> str:
    """The name of a form of a domain, "" being the domain itself."""
    return f"{domain}/{form}" if form else domain


def plain_name(domain: str) -> str:
    """The domain itself, of one of its forms."""
    return domain.partition("/")[0]


def plain_of(domain: str) -> Any:
    """The domain itself of a form: what names an item's identity, whatever more a form knows of it."""
    return domain_of(plain_name(domain))


def plain_text(domain: str, item: Any) -> str:
    """An item of a form as a table holds it: the domain's own text of it (molecules: SMILES)."""
    science = domain_of(domain)
    return plain_of(domain).text(science.plain(item) if hasattr(science, "plain") else item)


def adapted(domain: str, oracle: Any) -> Any:
    """An oracle of the domain's own items, for those of the form."""
    science = domain_of(domain)
    return science.adapt_oracle(oracle) if hasattr(science, "adapt_oracle") else oracle


def reads_folders(domain: str) -> bool:
    """Whether the domain reads a folder as it does a file."""
    return getattr(domain_of(domain), "reads_folders", False)
