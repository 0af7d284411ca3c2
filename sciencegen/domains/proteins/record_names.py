"""Reads the taxon from the name of a record."""

from __future__ import annotations

import re

_ENTRY = re.compile(r"(?:.*\|)?[A-Z0-9]{1,10}_([A-Z0-9]{3,5})(?:/.*)?")


def taxon(name: str) -> str:
    """UniProt's code of the species from an entry's name: ECOLX for `BLAT_ECOLX/24-286`; "" for any other name."""
    found = _ENTRY.fullmatch(name)
    return found[1] if found else ""
