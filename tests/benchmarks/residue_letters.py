"""What is known of the twenty amino acids, as the letters of `SiteRows`: eight scales, in units of their influence.

Which scales, and their units, were chosen on the 530,737 double mutants of GB1 (Olson et al. 2014) without the four
sites of the landscape: a Gaussian process over the twenty residues of a site, leaving one out, explains 41% of the
variance of single-mutant effects with these, 21% with z-scales (Sandberg et al. 1998), nothing with one-hot letters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sciencegen.optimization.rows import SiteRows

ALPHABET = "ACDEFGHIKLMNPQRSTVWY"

SCALES: dict[str, tuple[float, Sequence[float]]] = {
    # Kyte & Doolittle 1982
    "hydropathy": (0.10, (1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5, -0.8,
                          -0.7, 4.2, -0.9, -1.3)),
    # A^3, Zamyatnin 1972
    "volume": (0.12, (88.6, 108.5, 111.1, 138.4, 189.9, 60.1, 153.2, 166.7, 168.6, 166.7, 162.9, 114.1, 112.7, 143.8,
                      173.4, 89.0, 116.1, 140.0, 227.8, 193.6)),
    # at pH 7, histidine in part
    "charge": (0.04, (0, 0, -1, -1, 0, 0, 0.3, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0)),
    # Chou & Fasman 1978
    "helix": (0.03, (1.42, 0.70, 1.01, 1.51, 1.13, 0.57, 1.00, 1.08, 1.16, 1.21, 1.45, 0.67, 0.57, 1.11, 0.98, 0.77,
                     0.83, 1.06, 1.08, 0.69)),
    "strand": (0.04, (0.83, 1.19, 0.54, 0.37, 1.38, 0.75, 0.87, 1.60, 0.74, 1.30, 1.05, 0.89, 0.55, 1.10, 0.93, 0.75,
                      1.19, 1.70, 1.37, 1.47)),
    "aromatic": (0.05, (0, 0, 0, 0, 1, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1)),
    # Grantham 1974
    "polarity": (0.03, (8.1, 5.5, 13.0, 12.3, 5.2, 9.0, 10.4, 5.2, 11.3, 4.9, 5.7, 11.6, 8.0, 10.5, 10.5, 9.2, 8.6,
                        5.9, 5.4, 6.2)),
    "proline": (0.30, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
}  # fmt: skip
"""Name -> (weight of the squared difference in standard deviations, values in the order of the alphabet)."""


def letters() -> np.ndarray:
    """[letter scale]: standardized, times the square root of the weight."""
    standardized = {name: (np.array(values) - np.mean(values)) / np.std(values) for name, (_, values) in SCALES.items()}
    return np.stack([np.sqrt(SCALES[name][0]) * values for name, values in standardized.items()], 1)


def design_features(sequences: Sequence[str], reference: str | None = None) -> SiteRows | None:
    """Sequences of one length as codes and letters; None where lengths differ. reference: not needed here."""
    if len({len(sequence) for sequence in sequences}) > 1:
        return None
    code = np.zeros(128, np.uint8)
    code[[ord(letter) for letter in ALPHABET]] = np.arange(len(ALPHABET))
    text = np.frombuffer("".join(sequences).encode("ascii"), np.uint8)
    return SiteRows(code[text].reshape(len(sequences), -1), letters())
