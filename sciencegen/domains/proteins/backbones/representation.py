"""Backbones as tensors: the trace of alpha carbons in whitened coordinates, and N and C relative to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.domains import standardization
from sciencegen.domains.proteins.backbones.geometry import assembly_clashes, bonded, place_oxygens
from sciencegen.domains.proteins.backbones.given_atoms import overlaps, unpacked
from sciencegen.domains.proteins.backbones.items import Backbone, backbone, parse_text
from sciencegen.domains.proteins.backbones.relaxation import relaxed
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.residues import UNKNOWN
from sciencegen.domains.standardization import Standardization, StandardizedRepresentation
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Json, Refusal
from sciencegen.networks.residues import ATOMS, BOND, TRACE, colour, whiten
from sciencegen.runs import check_format

LENGTH = "length"
LONGEST = 256
"""Maximum number of residues: the cost of a step grows with the square."""
BANDWIDTH = 8.0
"""Residues: standard deviation of the kernel that smooths the distribution of lengths."""
PRIOR_CHAINS = 10.0
MOST_KNOWN = 4096
LENGTH_DEVIATION = 0.1
"""Residues: tolerance of a requested length."""
FEWEST = 1e-6
"""Minimum count of a length between the shortest and the longest."""


@dataclass(frozen=True, eq=False)
class BackboneRepresentation(StandardizedRepresentation):
    """Distribution of lengths, and the standardization of conditions.

    counts: smoothed number of training chains of each length from `shortest` on. size_mean, size_std: moments of the
    standardized properties at each length. lengths, known: length and standardized properties of training chains, at
    most `MOST_KNOWN`.
    """

    standardization: Standardization
    shortest: int
    counts: Float[np.ndarray, " size"]
    size_mean: Float[np.ndarray, "size property"]
    size_std: Float[np.ndarray, "size property"]
    lengths: Int[np.ndarray, " chain"]
    known: Float[np.ndarray, "chain property"]
    name = "backbone"
    canonical = True

    @property
    def sizes(self) -> Int[np.ndarray, " size"]:
        return self.shortest + np.arange(len(self.counts))

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        return {LENGTH: (self.shortest, int(self.sizes[-1]))}

    def encode(self, items: Sequence[Backbone]) -> list[np.ndarray | Refusal]:
        """[residue 3 3] float32: N, CA and C in ångström; or a Refusal, if broken or of a length unlike training."""
        return [self._encode(item) for item in items]

    def _encode(self, item: Backbone) -> np.ndarray | Refusal:
        if refusal := why_broken(item):
            return refusal
        shortest, longest = self.shortest, int(self.sizes[-1])
        if len(item) > longest:
            return Refusal(f"{len(item)} residues; the model has seen at most {longest}. Pass a part of the chain")
        if len(item) < shortest:  # the latent of a length that the table lacks would be that of another one
            return Refusal(f"{len(item)} residues; the model has seen {shortest} or more")
        return item.coordinates[:, :3]

    def batch(self, encoded: Sequence[np.ndarray], values: np.ndarray | None = None) -> Batch:
        """Fields `trace` [batch residue 3] (whitened) and `atoms` [batch residue 6], centred, zero where the mask
        [batch residue] is False. The condition is standardized."""
        centred = padded_places([one - one[:, 1].mean(0) for one in encoded])
        condition = (
            None if values is None or not self.properties else torch.from_numpy(self.standardization.rows(values))
        )
        return centred.with_condition(condition)

    def decode(self, batch: Batch) -> list[Backbone | Refusal]:
        """Chains numbered from 1, with the letters and the symmetry of `Given`. Residues with given oxygens stay where
        they are; bonds of others are relaxed, and their oxygens placed."""
        pairs = zip(places_of(batch), given_parts(batch), strict=True)
        found = []
        for places, given in pairs:
            around = None if given.around is None else unpacked(given.around)
            found.append(_built(relaxed(places, given.kept(len(places)), around), given))
        return found

    def decode_estimates(self, batch: Batch) -> list[Backbone | Refusal]:
        """As `decode`, without the relaxation of bonds."""
        return [_built(places, given) for places, given in zip(places_of(batch), given_parts(batch), strict=True)]

    def well_formed(self, batch: Batch, items: Sequence[Backbone | Refusal]) -> np.ndarray:
        """[item] whether each chain is unbroken, and no atoms clash but those of given residues, nor overlap with given
        ones."""
        good = (
            not isinstance(one, Refusal)
            and not why_broken(one)
            and not assembly_clashes(one.copies, given.kept(len(one)))
            and (given.around is None or not overlaps(one.coordinates, unpacked(given.around), given.kept(len(one)))[0])
            for one, given in zip(items, given_parts(batch), strict=True)
        )
        return np.array(list(good), bool)

    def to_json(self) -> Json:
        return {
            "format": 1,
            "name": self.name,
            "shortest": self.shortest,
            "counts": self.counts.tolist(),
            "size_mean": self.size_mean.tolist(),
            "size_std": self.size_std.tolist(),
            "lengths": self.lengths.tolist(),
            "known": [[None if np.isnan(value) else value for value in row] for row in self.known.tolist()],
            "properties": self.standardization.to_json(),
        }


def load(data: Mapping[str, Any]) -> BackboneRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    counts, lengths = np.array(data["counts"], np.float64), np.array(data.get("lengths", ()), int)
    shape = (len(counts), len(data["properties"]))
    return BackboneRepresentation(
        standardization.load(data["properties"]),
        int(data["shortest"]),
        counts,
        np.array(data["size_mean"], np.float64).reshape(shape),
        np.array(data["size_std"], np.float64).reshape(shape),
        lengths,  # none in models of earlier versions
        np.array(data.get("known", ()), np.float64).reshape(len(lengths), shape[1]),
    )


def fit(
    texts: Sequence[str], values: np.ndarray, properties: Sequence[str], moments: Standardization | None = None
) -> BackboneRepresentation:
    """Fit the distribution of lengths, and moments of the properties (unless they are given), to the chains that can be
    learned from."""
    read = [parse_text(text) for text in texts]
    lengths = np.array([len(one) if isinstance(one, Backbone) and _usable(one) else 0 for one in read])
    good = lengths > 0
    if not good.any():
        raise DataError(f"Expected unbroken chains of at most {LONGEST} residues to learn from, found none.")
    known = np.asarray(values, float)[good].reshape(int(good.sum()), len(properties))
    filled = np.ma.masked_invalid(known)
    mean, std = (np.ma.filled(part, fill) for part, fill in ((filled.mean(0), 0.0), (filled.std(0), 1.0)))
    moments = moments or Standardization(tuple(properties), mean, np.where(std > 0, std, 1.0))
    mean, std = moments.mean, moments.std
    shortest, longest = int(lengths[good].min()), int(lengths[good].max())
    sizes = shortest + np.arange(longest - shortest + 1)
    counts, size_mean, size_std = smoothed(lengths[good], (known - mean) / std, sizes)
    if LENGTH in properties:  # known exactly where the size is known
        column = list(properties).index(LENGTH)
        size_mean[:, column] = (sizes - mean[column]) / std[column]
        size_std[:, column] = LENGTH_DEVIATION / std[column]
    kept = np.linspace(0, good.sum() - 1, min(MOST_KNOWN, good.sum())).round().astype(int)
    lengths, known = lengths[good][kept], np.round((known - mean) / std, 3)[kept]
    return BackboneRepresentation(moments, shortest, counts, size_mean, size_std, lengths, known)


def adapt(
    old: BackboneRepresentation, texts: Sequence[str], values: np.ndarray, properties: Sequence[str]
) -> BackboneRepresentation:
    """That of other chains, whose conditions are standardized as the weights have learned them.

    Raises
    ------
    ConfigError
        For conditions other than the model's own.
    """
    if tuple(properties) != old.properties:
        raise ConfigError(f"Expected the model's own conditions {list(old.properties)}, got {list(properties)}.")
    return fit(texts, values, properties, old.standardization)


def _usable(item: Backbone) -> bool:
    return len(item) <= LONGEST and why_broken(item) is None


def smoothed(
    lengths: Int[np.ndarray, " chain"], values: Float[np.ndarray, "chain property"], sizes: Int[np.ndarray, " size"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, means and standard deviations at each size, by a Gaussian kernel over lengths. The variance is shrunk
    toward that of all chains, which has the weight of `PRIOR_CHAINS`."""
    kernel = np.exp(-0.5 * ((sizes[:, None] - lengths) / BANDWIDTH) ** 2)
    given = ~np.isnan(values)
    filled = np.where(given, values, 0.0)
    weight = np.maximum(kernel @ given, 1e-300)
    mean = np.where(weight > FEWEST, kernel @ filled / weight, 0.0)
    squares = np.maximum(kernel @ filled**2 - weight * mean**2, 0.0)
    std = np.sqrt((squares + PRIOR_CHAINS) / (weight + PRIOR_CHAINS))  # standardized: the variance of all is 1
    return np.maximum(kernel.sum(1), FEWEST), mean, std


def why_broken(item: Backbone) -> Refusal | None:
    """A Refusal for a chain with two neighbours that aren't bonded."""
    places = item.coordinates.astype(np.float64)
    breaks = np.flatnonzero(~bonded(places[:, 0], places[:, 2]))
    if not len(breaks):
        return None
    return Refusal(f"the chain breaks after residue {item.numbers[breaks[0]]}, and {len(breaks)} times in all")


def padded_places(chains: Sequence[Float[np.ndarray, "_ 3 3"]], size: int | None = None) -> Batch:
    """Positions of N, CA and C in ångström as the fields `trace` and `atoms`, padded to `size` residues, by default the
    longest chain's."""
    longest = max((len(one) for one in chains), default=1) if size is None else size
    places = np.zeros((len(chains), longest, 3, 3), np.float32)
    mask = torch.from_numpy(np.arange(longest) < np.array([len(one) for one in chains])[:, None])
    for row, one in enumerate(chains):
        places[row, : len(one)] = one
    atoms, real = torch.from_numpy(places), mask[..., None].to(torch.float32)
    trace = whiten(atoms[:, :, 1], mask.sum(1)) * real
    return Batch({TRACE: trace, ATOMS: relative_to_trace(atoms) * real}, mask)


def places_of(batch: Batch) -> list[Float[np.ndarray, "_ 3 3"]]:
    """Positions of N, CA and C of each chain in ångström: the inverse of `padded_places`."""
    assert batch.mask is not None  # chains differ in length
    mask = batch.mask.cpu()
    trace = colour(batch[TRACE].detach().cpu().double(), mask.sum(1))
    places = around_trace(trace, batch[ATOMS].detach().cpu().double()).numpy()
    return [row[real] for row, real in zip(places, mask.numpy(), strict=True)]


def relative_to_trace(places: Float[Tensor, "batch residue 3 3"]) -> Float[Tensor, "batch residue 6"]:
    """The field `atoms` of positions of N, CA and C in ångström."""
    return ((places[:, :, [0, 2]] - places[:, :, 1:2]) / BOND).flatten(2)


def around_trace(
    trace: Float[Tensor, "batch residue 3"], atoms: Float[Tensor, "batch residue 6"]
) -> Float[Tensor, "batch residue 3 3"]:
    """Positions of N, CA and C in ångström from those of CA and the field `atoms`."""
    others = trace[:, :, None] + BOND * atoms.unflatten(2, (2, 3))
    return torch.stack([others[:, :, 0], trace, others[:, :, 1]], 2)


LETTERS_IN_ORDER = ALPHABET + UNKNOWN
LETTER, OXYGEN, COPIES, AROUND = "letter", "oxygen", "copies", "around"


class Given(NamedTuple):
    """What a batch holds of an item beside the fields that a model draws: optional fields of this name."""

    letter: Int[np.ndarray, " residue"] | None = None
    """Index in `LETTERS_IN_ORDER`."""
    oxygen: Float[np.ndarray, "residue 3"] | None = None
    """O relative to CA in ångström; NaN where it is to be placed."""
    copies: Int[np.ndarray, ""] | None = None
    """Number of chains of a cyclic assembly."""
    around: Float[np.ndarray, "atom 5"] | None = None
    """Atoms that drawn residues must not overlap, as by `GivenAtoms.packed`."""

    def kept(self, residues: int) -> Bool[np.ndarray, " residue"] | None:
        """Residues that stay where they are: those whose oxygens are given."""
        return None if self.oxygen is None else ~np.isnan(self.oxygen[:residues]).any(-1)


def given_parts(batch: Batch) -> Iterator[Given]:
    """The given parts of each item, padded as the batch is."""
    found = {name: batch[name].cpu().numpy() for name in Given._fields if name in batch.fields}
    return (Given(**{name: values[row] for name, values in found.items()}) for row in range(len(batch)))


def _built(places: Float[np.ndarray, "residue 3 3"], given: Given) -> Backbone | Refusal:
    known = np.full((len(places), 3), np.nan) if given.oxygen is None else given.oxygen[: len(places)]
    n, ca, c = places.swapaxes(0, 1)
    oxygens = np.where(np.isnan(known), place_oxygens(n, ca, c), ca + known)
    letters = "" if given.letter is None else "".join(LETTERS_IN_ORDER[one] for one in given.letter[: len(places)])
    symmetry = "" if given.copies is None else f"C{int(given.copies)}"
    return backbone(np.concatenate([places, oxygens[:, None]], 1), letters, symmetry=symmetry)
