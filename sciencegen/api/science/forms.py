"""Domains and their forms by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from sciencegen.domains import load_domain
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Family, Points
from sciencegen.errors import ConfigError
from sciencegen.items import Item, Refusal
from sciencegen.scoring.oracles import Oracle

ReadPoints = Callable[[Sequence[Item]], Sequence[Points | Refusal]]


@cache
def domain_of(name: str) -> Domain:
    """The domain with this name (`in_form` names a form of one), loaded once in a process."""
    return load_domain(name)


def in_form(domain: str, form: str) -> str:
    """The name of a domain's form; for the form "" the name of the domain."""
    return f"{domain}/{form}" if form else domain


def plain_name(domain: str) -> str:
    """The name of the plain domain, from its own name or that of a form."""
    return domain.partition("/")[0]


def plain_of(domain: str) -> Domain:
    """The plain domain of a form. It defines the keys of items (but see `key_of`); forms only add information."""
    return domain_of(plain_name(domain))


def key_of(domain: str, item: Item) -> str:
    """Identity of an item: the key of its plain item, unless the form has keys of its own."""
    science = domain_of(domain)
    own = science.form is not None and science.form.own_key
    return (science if own else plain_of(domain)).items.key(item)


def name_of_results(domain: str, form: str) -> str:
    """The name under which results of a form are scored, compared and written: that of the form, if its items may lack
    what plain items consist of (`Form.own_key`), else that of the plain domain."""
    formed = in_form(plain_name(domain), form)
    found = domain_of(formed).form
    return formed if found is not None and found.own_key else plain_name(domain)


def family_of(science: Domain) -> Family | None:
    """The family of a form whose items are aligned; None for other forms and domains."""
    return None if science.form is None else science.form.family


def points_of(name: str) -> ReadPoints:
    """The function by which a form reads the points of items; an error if it has none."""
    structures = domain_of(name).structures
    if structures is None or structures.points is None:
        domain, _, form = name.partition("/")
        raise ConfigError(f"Expected a form of {domain} that has points, '{form}' has none.")
    return structures.points


def plain_text(domain: str, item: Item) -> str:
    """The text of a form's item in tables: that of the plain domain (molecules: SMILES)."""
    form = domain_of(domain).form
    return plain_of(domain).items.text(item if form is None else form.plain(item))


def adapted(domain: str, oracle: Oracle) -> Oracle:
    """Adapt an oracle of plain items to items of the form."""
    form = domain_of(domain).form
    return oracle if form is None else form.adapt_oracle(oracle)


def reads_folders(domain: str) -> bool:
    """Whether the domain can read a folder of files."""
    return domain_of(domain).items.reads_folders
