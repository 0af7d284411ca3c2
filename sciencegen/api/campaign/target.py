"""The target of a campaign and its direction: named by the user, or known from its journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.journal import read_journal

DEFAULT = "value"


def target_of(requested: str | None, journal: str | Path | None) -> str:
    """The column of measured values: as requested, else that of the journal, else `value`.

    A target other than that of the journal is an error, since values of both would be compared.

    Examples
    --------
    >>> target_of(None, None), target_of("activity", None)
    ('value', 'activity')
    """
    known = [] if journal is None else read_journal(journal).targets
    if len(known) > 1:
        raise DataError(
            f"Expected one target in {journal}, found {', '.join(known)}. Pass `goals` with all of them, such as "
            f"'maximize {known[0]}', or keep a journal for each."
        )
    if requested is not None and known and requested != known[0]:
        raise ConfigError(
            f"Expected the target of the journal {journal}, '{known[0]}', got '{requested}'. Leave `target` out, or "
            "name another journal: each has one target. A table with the same values in a column of another name "
            f"needs that column renamed to '{known[0]}'."
        )
    return requested or (known[0] if known else DEFAULT)


def targets_of(requested: Sequence[str] | None, journal: str | Path) -> tuple[str, ...]:
    """The columns that `record` reads: as requested, else those of the journal, else `value`.

    Examples
    --------
    >>> targets_of(None, "none.csv"), targets_of(("activity", "toxicity"), "none.csv")
    (('value',), ('activity', 'toxicity'))
    """
    known = read_journal(journal).targets
    if requested is not None and len(requested) > 1:
        return tuple(dict.fromkeys(requested))
    if len(known) < 2:
        return (target_of(requested[0] if requested else None, journal),)
    if requested and requested[0] not in known:
        raise ConfigError(
            f"Expected targets of the journal {journal}, {', '.join(known)}, got '{requested[0]}'. Leave `target` out, "
            f"or pass all targets to add one: {', '.join([*known, requested[0]])}."
        )
    return tuple(requested or known)


def check_several(requested: str | None, minimize: bool, goals: Sequence[str]) -> None:
    """Raise an error for a target or a direction in addition to goals.

    Examples
    --------
    >>> check_several(None, False, ["maximize activity"])
    """
    if goals and (requested is not None or minimize):
        given = "target" if requested is not None else "minimize"
        raise ConfigError(
            f"Expected `goals` alone, got `{given}` too. Name the column and the direction in the goals: "
            f"'minimize {requested or 'value'}'."
        )


def is_minimized(requested: bool, journal: str | Path | None) -> bool:
    """Whether smaller values are better: as requested, else as in the journal's plates.

    A request to minimize is an error where the journal's plates maximize.

    Examples
    --------
    >>> is_minimized(False, None), is_minimized(True, None)
    (False, True)
    """
    known = "" if journal is None else read_journal(journal).direction
    if requested and known == "maximize":
        raise ConfigError(
            f"Expected larger values to be better, as in the plates of the journal {journal}, got `minimize`. Leave it "
            "out; or, if those plates went the wrong way, record the measurements in a new journal."
        )
    return requested or known == "minimize"
