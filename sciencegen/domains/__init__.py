"""The sciences, by name. Import strings, so that help stays instant; third parties add entry points in the group
`sciencegen.domains`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from sciencegen.errors import unknown_name

DOMAINS = {
    "molecules": "sciencegen.domains.molecules",
    "proteins": "sciencegen.domains.proteins",
    "galaxies": "sciencegen.domains.galaxies",
}


def domain_names() -> list[str]:
    """Every domain that can be loaded here, built in or plugged in."""
    return sorted({*DOMAINS, *(entry.name for entry in entry_points(group="sciencegen.domains"))})


def load_domain(name: str):
    """The `Domain` object (`DOMAIN` in its package) with this name, or `name/form`: a form of it."""
    name, _, form = name.partition("/")
    plugged = {entry.name: entry.value for entry in entry_points(group="sciencegen.domains")}
    target = {**plugged, **DOMAINS}.get(name)
    if target is None:
        raise unknown_name("domain", name, domain_names())
    domain = import_module(target).DOMAIN
    if not form:
        return domain
    forms = getattr(domain, "forms", {})
    if form not in forms:
        raise unknown_name(f"form of {name}", form, forms or ["none"])
    return forms[form]
