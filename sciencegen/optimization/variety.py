"""A diversity filter: a limit to how many items of one class a search keeps as parents, scores, and returns.

Blaschke et al., J. Cheminform. 2020, 12, 68 count the good molecules of each scaffold, and score further ones of a full
scaffold as zero. Here the limit is a share of each set that a search chooses: of its parents, of the items that it
scores in a round, and of its results. An item beyond the limit is chosen only after all others that qualify.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from sciencegen.optimization.quotas import Marks, Quota, quota_limit, spread

Item = Any
Classify = Callable[[Sequence[Item]], Sequence[Hashable]]
"""(items) -> the class of each; items of equal labels are in one class, items of "" in none."""


class DiversityFilter:
    """Limits the share of a set of items that one class may hold.

    Parameters
    ----------
    classes : sequence of callable
        Kinds of classes, each (items) -> a label for each. Each label of each kind has the same limit.
    key : callable
        item -> its identity, by which labels are kept.
    share : float
        Greatest share of a set, in (0, 1).

    Examples
    --------
    >>> filter = DiversityFilter([lambda items: [item[0] for item in items]], str, 0.5)
    >>> filter.choose(["aa", "ab", "ac", "b"], 3)
    [0, 3, 1]
    """

    def __init__(self, classes: Sequence[Classify], key: Callable[[Item], str], share: float) -> None:
        self._classes, self._key, self.share = tuple(classes), key, share
        self._known: dict[str, Marks] = {}

    def marks(self, items: Sequence[Item]) -> list[Marks]:
        """The classes of each item, as marks of a quota."""
        keys = [self._key(item) for item in items]
        new = {key: item for key, item in zip(keys, items, strict=True) if key not in self._known}
        labels = [kind(list(new.values())) for kind in self._classes] if new else []
        for key, *own in zip(new, *labels, strict=True):
            self._known[key] = [(kind, label) for kind, label in enumerate(own) if label != ""]
        return [self._known[key] for key in keys]

    def choose(self, items: Sequence[Item], count: int) -> list[int]:
        """Indices of `count` items, given best first, those within the limit before the others."""
        return spread(self.marks(items), count, self.quota(count))

    def quota(self, count: int) -> Quota:
        """An empty quota for a set of `count` items."""
        return Quota(quota_limit(self.share, count))
