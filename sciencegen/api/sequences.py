"""Sequences: draw sequences for items with coordinates, and compare structures that a program predicts from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from sciencegen.api.models.folder import open_model
from sciencegen.api.science.forms import domain_of, in_form, plain_name
from sciencegen.api.score_variants import family_model
from sciencegen.api.scores.sequences import Folding, SequenceDrawing, SequenceScoring, SequenceTask, sequences_of
from sciencegen.api.sources.tables import given_source
from sciencegen.api.writing.letters import claim_sequences, open_sequences
from sciencegen.api.writing.output_record import origin_of_given, plain_path
from sciencegen.api.writing.results import Scored, scored
from sciencegen.api.writing.writer import OutputOptions, OutputWriter
from sciencegen.config import ProgramSettings, SequencesSettings, build_settings
from sciencegen.domains.capabilities import SequenceDraws
from sciencegen.errors import ConfigError
from sciencegen.items import Given, Origin, Row
from sciencegen.options import takes
from sciencegen.scoring.oracles import Oracle
from sciencegen.scoring.programs import split_command

Log = Callable[[str], None]
PROGRAMS: tuple[Literal["design"], Literal["fold"]] = ("design", "fold")


@dataclass(frozen=True)
class SequencesRequest:
    """A checked request. domain: the form of the items. source: a file or rows; column: of items in a table."""

    domain: str
    task: SequenceTask
    source: Path | Sequence[Row]
    origin: Origin
    column: str | None = None

    def scoring(self) -> SequenceScoring:
        """The sequences, chunk by chunk."""
        return SequenceScoring(self.task, self._rows())

    def open(self, scoring: SequenceScoring, output: str, overwrite: bool = False) -> OutputWriter:
        """The writer of these sequences."""
        claim_sequences(self.domain, output, overwrite, [self.source] if isinstance(self.source, Path) else [])
        options = OutputOptions(origin=self.origin, overwrite=overwrite)
        return open_sequences(self.domain, output, scoring.columns, options)

    def _rows(self) -> Iterator[Row]:
        if isinstance(self.source, Path):
            return domain_of(self.domain).items.read(self.source, self.column)
        return iter(self.source)


@takes(SequencesSettings, frames=("items",))
def sequences(domain: str, items: Path | Given, n: int = 8, **options: object) -> Scored:
    """Draw sequences for items with coordinates, such as backbones of proteins.

    Parameters
    ----------
    domain : str
        A domain with a form whose items get sequences: "proteins", whose backbones get those of ProteinMPNN [1]_.
    items : str, object, sequence of these, Series, DataFrame, or Path
        One item or several, as texts or objects such as chains of Biopython; a data frame with a column of them; or the
        path of a file or folder (a `pathlib.Path`; a str is an item).
    n : int
        Number of sequences of each item.

    Returns
    -------
    Scored
        A row for each sequence: its name, that of the item, the item with the sequence, the sequence, its rank among
        those of the item, its score (proteins: `perplexity`), the family's scores, and with "fold" how well the
        predicted structure agrees (proteins: `sc_rmsd` in ångström, `sc_tm`, `plddt`).

    Raises
    ------
    ConfigError
        If the network's weights aren't installed and no program draws.

    References
    ----------
    .. [1] Dauparas et al., "Robust deep learning-based protein sequence design using ProteinMPNN", Science 378, 2022.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.sequences("molecules", ["CCO"])
    Traceback (most recent call last):
    ...
    sciencegen.errors.ConfigError: Expected a domain whose items get sequences (proteins), molecules has none.
    """
    request = resolve_sequences(domain, items, build_settings(SequencesSettings, {**options, "n": n}))
    scoring = request.scoring()
    return scored(scoring, partial(request.open, scoring), domain=request.domain)


def resolve_sequences(
    domain: str,
    items: Path | Given,
    settings: SequencesSettings,
    log: Log = lambda text: None,
    called: str = "",
) -> SequencesRequest:
    """Check the settings, then load the family's model; one of an alignment is trained first. called: the name of the
    source in the origin."""
    form = form_with_sequences(domain)
    draws = SequenceDraws(settings.n, settings.temperature, settings.keep_positions, settings.seed)
    design, fold = (settings.oracles.get(name) for name in PROGRAMS)
    for name, program in settings.oracles.items():
        split_command(program.command, oracle=name)
    sequences_of(domain_of(form)).check(draws, design is not None)
    drawing = SequenceDrawing(form, draws, design, settings.threads, settings.timeout_s)
    task = SequenceTask(drawing, _folding(form, fold), _family_oracles(domain, settings, log))
    source = given_source(domain_of(form), items, settings.column)
    named = called or (plain_path(str(items)) if isinstance(items, Path) else "given items")
    origin = origin_of_given("sequences", [f"for {named}", f"temperature {settings.temperature:g}"], seed=settings.seed)
    return SequencesRequest(form, task, source, origin, settings.column)


def form_with_sequences(domain: str) -> str:
    """The name of the domain's form whose items get sequences; an error if there is none."""
    named = [in_form(domain, form) for form in ("", *domain_of(domain).forms)]
    found = next((name for name in named if domain_of(name).sequences is not None), None)
    if found is None:
        raise ConfigError(f"Expected a domain whose items get sequences (proteins), {domain} has none.")
    return found


def _folding(form: str, program: ProgramSettings | None) -> Folding | None:
    predictions = sequences_of(domain_of(form)).predictions
    if program is None:
        return None
    if predictions is None:
        raise ConfigError(f"Expected no oracle 'fold', structures of {form} can't be compared.")
    return Folding(plain_name(form), predictions, program)


def _family_oracles(domain: str, settings: SequencesSettings, log: Log) -> Mapping[str, Oracle]:
    """The usual scores of the family's model; {} without one."""
    if settings.alignment is not None and settings.model is not None:
        raise ConfigError("Expected `alignment` or `model`, got both. Leave one out.")
    folder = settings.model
    if settings.alignment is not None:
        folder = str(family_model(domain, settings.alignment, settings, log))
    if folder is None:
        return {}
    found = open_model(domain, folder, settings)
    if found.recipe.family is None or not found.usual_oracles:
        raise ConfigError(f"Expected a model of a family, which scores sequences, {folder} has no such scores.")
    return found.usual_oracles
