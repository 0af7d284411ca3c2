"""Regression trees as flat arrays: fitted by scikit-learn, stored as numbers, evaluated here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Trees:
    """For each fold, the sum of its trees plus its base.

    feature, threshold, value: one entry per node of all trees. below: the child nodes, [0] for items whose feature is
    at most the threshold, else [1]; a leaf is its own child.
    root: first node of each tree. fold: which fold's model each tree belongs to.
    """

    feature: Int[np.ndarray, " node"]
    threshold: Float[np.ndarray, " node"]
    below: Int[np.ndarray, "node 2"]
    value: Float[np.ndarray, " node"]
    root: Int[np.ndarray, " tree"]
    fold: Int[np.ndarray, " tree"]
    base: Float[np.ndarray, " fold"]

    def predict(self, inputs: Float[np.ndarray, "item column"]) -> Float[np.ndarray, "item fold"]:
        """Predictions by each fold's model. All items descend all trees together, until all are in leaves."""
        values, below = inputs.ravel(), self.below.ravel()
        row = np.arange(len(inputs))[:, None] * inputs.shape[1]
        node = np.broadcast_to(self.root, (len(inputs), len(self.root)))
        while True:
            goes_right = values.take(row + self.feature.take(node)) > self.threshold.take(node)
            reached = below.take(2 * node + goes_right)
            if (reached == node).all():
                break
            node = reached
        leaves = self.value[node]
        return self.base + np.stack([leaves[:, self.fold == k].sum(axis=1) for k in range(len(self.base))], axis=1)


def flatten(trees_of_fold: Sequence[Sequence], scale: float, base: Sequence[float]) -> Trees:
    """scikit-learn's trees of each fold as one record. scale: factor of the leaves' values."""
    grown = [(fold, tree.tree_) for fold, trees in enumerate(trees_of_fold) for tree in trees]
    sizes = np.array([tree.node_count for _, tree in grown])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    joined = lambda name: np.concatenate([getattr(tree, name) for _, tree in grown])  # noqa: E731
    start = np.repeat(roots, sizes)  # children are numbered within their tree
    child = np.stack([joined("children_left"), joined("children_right")], axis=1)
    leaf = child[:, :1] < 0
    itself = np.arange(len(child))[:, None]
    return Trees(
        feature=np.where(leaf[:, 0], 0, joined("feature")).astype(np.int32),
        threshold=joined("threshold"),
        below=np.where(leaf, itself, child + start[:, None]).astype(np.int32),
        value=scale * joined("value")[:, 0, 0],
        root=roots.astype(np.int32),
        fold=np.array([fold for fold, _ in grown], dtype=np.int32),
        base=np.asarray(base, dtype=np.float64),
    )
