"""Cache of scores by item: in memory, and on disk between runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path
from typing import Any

from sciencegen.errors import DataError
from sciencegen.files import check_writable, make_folder
from sciencegen.scoring.oracles import Oracle, OracleAround, ProgramOracle, ReportingOracle, Score, Scored

_TABLE = """CREATE TABLE IF NOT EXISTS scores
(oracle TEXT, item TEXT, value REAL, lower REAL, upper REAL, failure TEXT, PRIMARY KEY (oracle, item))"""
_LOOKUP_CHUNK = 500
"""Below SQLite's oldest limit on parameters in one statement."""


class CachedOracle(OracleAround):
    """An oracle that scores each distinct item (by `key`) once; a failure is stored as a failure.

    path: an SQLite file that several runs and oracles may share; None stores in memory only.
    identity: oracles with equal identity share their scores on disk; by default the oracle's own `identity` (a
    command's text and columns) or its name and unit. retry_failures: whether items that failed earlier are retried.
    """

    def __init__(
        self,
        oracle: Oracle,
        key: Callable[[Any], str],
        path: Path | str | None = None,
        *,
        identity: str | None = None,
        retry_failures: bool = False,
    ) -> None:
        self.oracle, self.key, self.retry_failures = oracle, key, retry_failures
        own = oracle.identity if isinstance(oracle, ProgramOracle) else ""
        self.identity = identity or own or f"{oracle.name} [{oracle.unit}]"
        self.path = None if path is None else Path(path)
        self._scores: dict[str, Score] = {}
        if self.path is not None:
            check_writable(self.path, "`cache`")
            make_folder(self.path.parent)
            with self._database() as database:
                database.execute(_TABLE)

    def score(self, items: Sequence[Any]) -> list[Score]:
        keys = [self.key(item) for item in items]
        self._load([key for key in dict.fromkeys(keys) if key not in self._scores])
        fresh = {key: item for key, item in zip(keys, items, strict=True) if key not in self._scores}
        names, wave = list(fresh), self.oracle.wave if isinstance(self.oracle, ProgramOracle) else len(fresh)
        for start in range(0, len(names), wave or 1):
            self._score_fresh({name: fresh[name] for name in names[start : start + wave]})
        return [self._scores[key] for key in keys]

    def reporting(self, scored: Scored) -> CachedOracle | None:
        """The same oracle, with the same scores in memory, which reports while it scores; None if it can't."""
        oracle = self.oracle.reporting(scored) if isinstance(self.oracle, ReportingOracle) else None
        if oracle is None:
            return None
        same = copy(self)
        same.oracle = oracle
        return same

    def _score_fresh(self, fresh: Mapping[str, Any]) -> None:
        scores = self.oracle.score(list(fresh.values()))
        if len(scores) != len(fresh):
            raise DataError(
                f"Expected {len(fresh)} scores from oracle '{self.name}', got {len(scores)}. Return one per item."
            )
        new = dict(zip(fresh, scores, strict=True))
        self._scores |= new
        self._store(new)

    def _load(self, keys: Sequence[str]) -> None:
        if self.path is None or not keys:
            return
        with self._database() as database:
            for first in range(0, len(keys), _LOOKUP_CHUNK):
                chunk = keys[first : first + _LOOKUP_CHUNK]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT item, value, lower, upper, failure FROM scores WHERE oracle = ? AND item IN ({marks})"
                for item, *fields in database.execute(query, [self.identity, *chunk]):
                    score = Score(*fields)
                    if not (score.failed and self.retry_failures):
                        self._scores[item] = score

    def _store(self, scores: dict[str, Score]) -> None:
        if self.path is None:
            return
        rows = [(self.identity, key, s.value, s.lower, s.upper, s.failure) for key, s in scores.items()]
        with self._database() as database:
            database.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)", rows)

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """One transaction on a fresh connection, so that processes and threads may share the file."""
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as connection, connection:  # type: ignore[arg-type]
                yield connection
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"Expected a score cache (SQLite) in {self.path}, got: {error}. Move the file away."
            ) from error


def cached(oracle: Oracle, key: Callable[[Any], str], path: str | None) -> CachedOracle:
    """The oracle with its scores kept in memory; those of a program also in the file at `path`, if there is one.

    What failed in an earlier call is tried again.
    """
    return CachedOracle(oracle, key, path if isinstance(oracle, ProgramOracle) else None, retry_failures=True)


def cache_notes(oracles: Iterable[Oracle], path: str | None) -> tuple[str, ...]:
    """A note if a file of scores is named, but no oracle runs a program: only scores of programs are kept there."""
    if path is None or any(isinstance(oracle, ProgramOracle) for oracle in oracles):
        return ()
    return (f"`cache` keeps scores of programs, such as docking, and no score here is one: {path} isn't used",)
