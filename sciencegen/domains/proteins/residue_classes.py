"""Classes of residues by the chemistry of their side chains, and their colours in pictures."""

from sciencegen.domains.proteins.items import GAP_LETTER

LETTER_CLASSES = {
    "aliphatic, sulfur": "AVLIMC",
    "aromatic": "FWY",
    "basic": "KRH",
    "acidic": "DE",
    "polar": "STNQ",
    "glycine": "G",
    "proline": "P",
}
_COLOURS = ("#7fa650", "#c99b2e", "#4a7fc1", "#c8504c", "#58a5a3", "#b0b0b0", "#9a76b8")
COLOUR = {
    letter: colour
    for letters, colour in zip(LETTER_CLASSES.values(), _COLOURS, strict=True)
    for letter in letters
} | {GAP_LETTER: "none"}  # fmt: skip
"""Letter -> colour of its class."""
