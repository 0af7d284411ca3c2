"""Checks whether a domain satisfies the contract of `domains.base`, part by part."""

from __future__ import annotations

from collections.abc import Sequence

from sciencegen.domains.base import Domain
from sciencegen.domains.core_laws import CORE_LAWS, MODEL_LAWS
from sciencegen.domains.item_laws import IMAGE_LAWS, ITEM_LAWS, SEQUENCE_LAWS
from sciencegen.domains.laws import ContractError, Law, Subject
from sciencegen.domains.part_laws import PART_LAWS

__all__ = ["LAWS", "ContractError", "check_domain"]

LAWS: tuple[Law, ...] = (*ITEM_LAWS, *CORE_LAWS, *PART_LAWS, *SEQUENCE_LAWS, *IMAGE_LAWS, *MODEL_LAWS)


def check_domain(domain: Domain, examples: Sequence[str], models: bool = True) -> None:
    """Check that a domain satisfies the contract.

    The laws of each part are checked in turn, as scikit-learn's `check_estimator` does for an estimator. Optional parts
    that are None are skipped. Nothing is trained.

    Parameters
    ----------
    domain : Domain
    examples : sequence of str
        Texts of two or more different items, as `items.text` writes them; a few typical ones suffice.
    models : bool
        Whether to build the model of each recipe with its default settings, which takes memory and time.

    Raises
    ------
    ContractError
        For the first law that is violated: the part, what was expected, what was found, and a remedy.

    Examples
    --------
    >>> from sciencegen.domains import load_domain
    >>> from sciencegen.domains.checks import check_domain
    >>> check_domain(load_domain("proteins"), ["MKVLAT", "MKVLAS", "MRVLAT"])
    """
    subject = Subject(domain, tuple(examples))
    for law in (law for law in LAWS if models or not law.builds_model):
        law.check(subject)
