"""The files of a search: candidates, their structures, and details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.api.models.completion import Completer
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import NameSuffixes
from sciencegen.api.writing.formats import check_complete, check_endings
from sciencegen.api.writing.ingredients import Ingredients
from sciencegen.api.writing.output_record import Written, check_record, write_record
from sciencegen.api.writing.sinks import write_structures
from sciencegen.api.writing.writer import csv_beside, write_candidates, write_json, write_rejected
from sciencegen.data.writers import Refused, write_table
from sciencegen.files import claim_output
from sciencegen.items import Cell, Json, Origin
from sciencegen.optimization.objective import Evaluation

DETAILS = ("trace.csv", "scored.parquet", "summary.json")
"""Files in the folder of details: progress, scored items and summary."""

Table = Mapping[str, Sequence[Cell]]
"""Columns by name."""


@dataclass(frozen=True)
class SearchFiles:
    """output: the candidates, as Parquet and CSV, or as CSV only. structures: their structures. details: a folder for
    `DETAILS`."""

    output: str
    structures: str | None = None
    details: str | None = None

    @property
    def paths(self) -> list[str]:
        """All files that may be written, except the rejects."""
        within = [] if self.details is None else [str(Path(self.details) / name) for name in DETAILS]
        structures = [] if self.structures is None else [self.structures]
        return [self.output, *csv_beside(self.output), *structures, *within]

    def claim(self, domain: str, overwrite: bool, complete: str | None = None) -> None:
        """Raise an error for files that exist or can't be written. complete: the completing model."""
        for path in self.paths:
            claim_output(path, overwrite)
            check_record(path)
        check_endings(domain, self.output, self.structures)
        check_complete(complete, self.output, self.structures)


@dataclass(frozen=True)
class SearchRecord:
    """Results of a search. domain: name of the domain, or of the form that the model generates. table: the candidates.
    trace: method, call, top_10, feasible. scored: all scored items. failed: items that could not be scored. complete:
    computes structures of candidates for files, or None. name_suffixes: suffixes of names in such files. made_of: for
    the records beside the files of candidates."""

    domain: str
    table: Table
    trace: Table
    scored: Table
    failed: Sequence[Refused]
    summary: Json
    complete: Completer | None = None
    name_suffixes: NameSuffixes | None = None
    origin: Origin | None = None
    made_of: Ingredients | None = None

    def write(self, files: SearchFiles, overwrite: bool = False) -> None:
        """Write the files, with a record beside each file of candidates."""
        domain, (complete, suffixes, origin) = domain_of(self.domain), self._how
        refused = write_candidates(domain, files.output, self.table, complete, overwrite, suffixes, origin)
        for path in (files.output, *csv_beside(files.output)):
            self._record(path, refused)
        if files.structures is not None:
            lost = write_structures(domain, files.structures, self.table, complete, origin, suffixes)
            write_rejected(files.structures, lost)
            self._record(files.structures, lost)
        if files.details is not None:
            trace, scored, summary = (Path(files.details) / name for name in DETAILS)
            write_table(trace, self.trace)
            write_table(scored, self.scored)
            write_json(str(summary), self.summary)
        write_rejected(files.output, [*self.failed, *refused])

    def _record(self, output: str, refused: Sequence[Refused]) -> None:
        """Write the record of a file of candidates. Its rows depend on each other, so they have no draws."""
        if self.made_of is not None:
            write_record(output, self.made_of, Written(len(next(iter(self.table.values()), ())) - len(refused)))

    @property
    def _how(self) -> tuple[Completer | None, NameSuffixes | None, Origin | None]:
        return self.complete, self.name_suffixes, self.origin


def write_failures(domain: str, output: str, trace: Sequence[Evaluation]) -> None:
    """Write the rejects of a search in which no item could be scored."""
    science = domain_of(domain)
    write_rejected(output, [(e.call, science.items.text(e.item), e.failure or "") for e in trace])
