"""Training items of a model, as text, to count the draws that repeat them."""

from __future__ import annotations

from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.models.identity import data_of
from sciencegen.data.prepared import PreparedDataset

MOST_ITEMS = 100_000
"""Number of training items above which they are not read: draws should start at once and need constant memory."""


def training_texts(model: LoadedModel) -> frozenset[str]:
    """The training items in the dataset that the model was last trained on; none if it is missing or too large."""
    folder = data_of(model.folder)
    if folder is None:
        return frozenset()
    data = PreparedDataset.load(folder)
    split = data.splits[0]
    return frozenset(data.items(split)) if data.count(split) <= MOST_ITEMS else frozenset()


def known_notes(known: int, written: int, model: LoadedModel) -> list[str]:
    """A note on how many items of an output are training items; none for 0."""
    if not known:
        return []
    return [f"{known} of {written} items are training items of the model ({data_of(model.folder)})"]
