"""GB1, random proteins, and families of aligned rows."""

import numpy as np

from sciencegen.domains.proteins.items import ALPHABET, GAP

GB1 = "MQYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE"


def random_protein(generator: np.random.Generator, length: int) -> str:
    return "".join(ALPHABET[number] for number in generator.integers(20, size=length))


def family(generator: np.random.Generator, count: int, columns: int, change: float = 0.3, gaps: float = 0.1):
    """Rows that descend from each other: near and far relatives, some with gaps."""
    rows = np.empty((count, columns), np.uint8)
    rows[0] = generator.integers(20, size=columns)
    for row in range(1, count):
        parent = rows[generator.integers(max(0, row - 20), row)]
        changed = generator.random(columns) < change * generator.random()
        rows[row] = np.where(changed, generator.integers(20, size=columns), parent)
    rows[1:][generator.random((count - 1, columns)) < gaps * generator.random((count - 1, 1))] = GAP
    return rows
