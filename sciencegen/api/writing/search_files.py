"""The files of a search: candidates, their structures, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.api.models.completion import Completer
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import NameSuffixes
from sciencegen.api.writing.formats import check_complete, check_endings
from sciencegen.api.writing.sinks import write_structures
from sciencegen.api.writing.writer import csv_beside, write_candidates, write_json, write_rejected
from sciencegen.data.writers import Refused, write_table
from sciencegen.files import claim_output
from sciencegen.items import Cell, Json, Origin
from sciencegen.optimization.objective import Evaluation

DETAILS = ("trace.csv", "scored.parquet", "summary.json")
"""How a search went, in a folder."""

Table = Mapping[str, Sequence[Cell]]
"""Columns by name."""


@dataclass(frozen=True)
class SearchFiles:
    """output: the candidates, as Parquet with CSV beside it, or CSV alone. structures: their structures. details: a
    folder for how the search went."""

    output: str
    structures: str | None = None
    details: str | None = None

    @property
    def paths(self) -> list[str]:
        """Every file that may be written, the rejects apart."""
        within = [] if self.details is None else [str(Path(self.details) / name) for name in DETAILS]
        structures = [] if self.structures is None else [self.structures]
        return [self.output, *csv_beside(self.output), *structures, *within]

    def claim(self, domain: str, overwrite: bool, complete: str | None = None) -> None:
        """An error for what exists or can't be written. complete: the model that is named to give structures."""
        for path in self.paths:
            claim_output(path, overwrite)
        check_endings(domain, self.output, self.structures)
        check_complete(complete, self.output, self.structures)


@dataclass(frozen=True)
class SearchRecord:
    """What a search leaves. domain: of the items: its name, or that of the form that the model makes. table: the
    candidates. trace: method, call, top_10, feasible. scored: everything that the search looked at. failed: what could
    not be scored. complete: gives candidates the structures that files hold, where a model is named for it.
    name_suffixes: how their names end there."""

    domain: str
    table: Table
    trace: Table
    scored: Table
    failed: Sequence[Refused]
    summary: Json
    complete: Completer | None = None
    name_suffixes: NameSuffixes | None = None
    origin: Origin | None = None

    def write(self, files: SearchFiles, overwrite: bool = False) -> None:
        """Write the files."""
        domain, (complete, suffixes, origin) = domain_of(self.domain), self._how
        refused = write_candidates(domain, files.output, self.table, complete, overwrite, suffixes, origin)
        if files.structures is not None:
            lost = write_structures(domain, files.structures, self.table, complete, origin, suffixes)
            write_rejected(files.structures, lost)
        if files.details is not None:
            trace, scored, summary = (Path(files.details) / name for name in DETAILS)
            write_table(trace, self.trace)
            write_table(scored, self.scored)
            write_json(str(summary), self.summary)
        write_rejected(files.output, [*self.failed, *refused])

    @property
    def _how(self) -> tuple[Completer | None, NameSuffixes | None, Origin | None]:
        return self.complete, self.name_suffixes, self.origin


def write_failures(domain: str, output: str, trace: Sequence[Evaluation]) -> None:
    """The rejects of a search that found nothing, since nothing could be scored."""
    science = domain_of(domain)
    write_rejected(output, [(e.call, science.items.text(e.item), e.failure or "") for e in trace])
