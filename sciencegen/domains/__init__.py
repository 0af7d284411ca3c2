"""The domains by name, as import strings, so that `--help` stays fast.

Third parties add domains by entry points in the group `sciencegen.domains`, and recipes of an existing domain in the
group `sciencegen.recipes`, as `domain/recipe`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from sciencegen.domains.lazy import imported
from sciencegen.errors import ConfigError, SciencegenError, unknown_name
from sciencegen.plugins import active_entries, broken_part, check_allowed, entry_points, package_of

if TYPE_CHECKING:
    from sciencegen.domains.base import Domain

DOMAINS = {
    "molecules": "sciencegen.domains.molecules:DOMAIN",
    "proteins": "sciencegen.domains.proteins:DOMAIN",
    "galaxies": "sciencegen.domains.galaxies:DOMAIN",
    "arrays": "sciencegen.domains.tables:DOMAIN",
    "crystals": "sciencegen.domains.crystals:DOMAIN",
}
"""Name -> import string of its `Domain`."""

GROUP = "sciencegen.domains"
"""Entry points of domains."""

RECIPES = "sciencegen.recipes"
"""Entry points of recipes."""


def domain_names() -> list[str]:
    """Names of all domains: built-in ones and those of installed packages."""
    return sorted({*DOMAINS, *(entry.name for entry in active_entries(GROUP))})


def load_domain(name: str) -> Domain:
    """Load a domain by name, or a form of it by `name/form`. Each is imported once.

    Raises
    ------
    ConfigError
        If it is unknown, or if an installed package's domain can't be imported.
    """
    plain, _, form = name.partition("/")
    domain = _imported(DOMAINS[plain]) if plain in DOMAINS else _installed(plain)
    if not form:
        return domain
    if form not in domain.forms:
        raise unknown_name(f"form of {plain}", form, domain.forms or ["none"])
    return _imported(domain.forms[form])


def _installed(name: str) -> Domain:
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            check_allowed(f"the domain '{name}' of {package_of(entry)}")
            try:
                return _imported(entry.value)
            except SciencegenError:
                raise
            except Exception as error:  # third-party code
                raise broken_part("domain", entry, error) from error
    raise unknown_name("domain", name, domain_names())


@cache
def _imported(target: str) -> Domain:
    """Import `module:attribute`; the attribute is `DOMAIN` by default."""
    from sciencegen.domains.base import Domain

    found = imported(target, "DOMAIN")
    if not isinstance(found, Domain):
        raise ConfigError(f"Expected a `Domain` at {target}, found {type(found).__name__}.")
    return _with_installed_recipes(found)


def _with_installed_recipes(domain: Domain) -> Domain:
    from sciencegen.domains.lazy import WithInstalled

    named = ((*entry.name.rpartition("/"), entry) for entry in active_entries(RECIPES))
    installed = {recipe: entry for name, _, recipe, entry in named if name == domain.name}
    return replace(domain, recipes=WithInstalled(domain.recipes, installed)) if installed else domain
