"""What the name of a record contains."""

from __future__ import annotations

import re

_ENTRY = re.compile(r"(?:.*\|)?[A-Z0-9]{1,10}_([A-Z0-9]{3,5})(?:/.*)?")


def taxon(name: str) -> str:
    """UniProt's code of the species, in the name of an entry: ECOLX of `BLAT_ECOLX/24-286`; "" of any other name."""
    found = _ENTRY.fullmatch(name)
    return found[1] if found else ""
