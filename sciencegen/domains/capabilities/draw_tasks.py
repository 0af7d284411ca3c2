"""The optional part `DrawTasks` of a recipe: draws that contain, vary or repeat something given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sciencegen.items import Cell, Item

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from sciencegen.batch import Batch


@dataclass(frozen=True)
class TaskSettings:
    """The settings of `generate` that a task may need.

    core: text of a part that every draw contains, with attachment points. scaffold: file with a part that every
    draw contains; contigs: which of its residues, and how much is free around them. vary: file or text of items to
    vary, at `noise_level`. symmetry: of copies, such as C3. sampler: the name that the user chose. bounds: property
    -> (least, greatest) value that `where` accepts.
    """

    core: str | None = None
    scaffold: str | None = None
    contigs: str | None = None
    vary: str | None = None
    noise_level: float | None = None
    symmetry: str | None = None
    sampler: str | None = None
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class DrawTask(Protocol):
    """A task with checked settings."""

    def draw(self, noise: Tensor, condition: Tensor | None = None) -> Batch:
        """As `LatentModel.generate`: noise [draw latent] and standardized conditions to a Batch. A row's draw doesn't
        depend on the others."""


@runtime_checkable
class DrawsGiven(Protocol):
    """A task that may draw the given items themselves, which count as repeats."""

    @property
    def known(self) -> frozenset[str]:
        """Keys of the given items."""


@runtime_checkable
class DescribesDraws(Protocol):
    """A task that adds columns about each draw to the results."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""

    def cells(self, item: Item) -> tuple[Cell, ...]:
        """A cell for each column."""


@dataclass(frozen=True, kw_only=True)
class DrawTasks:
    """The tasks of a recipe's models.

    Parameters
    ----------
    settings : frozenset of str
        Names of the settings that they take.
    resolve : (model, representation, settings) -> DrawTask
        Raises an error for settings that contradict the model or each other.
    check : (settings) -> None, optional
        Raises an error for settings that no model could read, before one is loaded or trained.
    samplers : mapping of str to str, optional
        Setting -> the sampler of a diffusion that draws by default where it is given, instead of the model's own.
    """

    settings: frozenset[str]
    resolve: Callable[[Any, Any, TaskSettings], DrawTask]
    check: Callable[[TaskSettings], object] = lambda settings: None
    samplers: Mapping[str, str] = field(default_factory=dict)
