"""Optional parts of a domain, each a record. A domain that lacks a part has None in its place."""

from __future__ import annotations

from sciencegen.domains.capabilities.design import (
    Analogues,
    BlockMoves,
    Columns,
    DescribesDraws,
    Design,
    DesignSpace,
    DrawsGiven,
    DrawTask,
    DrawTasks,
    Edits,
    FromBlocks,
    Materials,
    Moves,
    OrderOptions,
    Orders,
    SharedPart,
    TaskSettings,
    VariantNames,
    Variants,
    VariantStructure,
)
from sciencegen.domains.capabilities.observation import (
    Cells,
    CodedFiles,
    Cut,
    Cutouts,
    Instrument,
    Observation,
    Restoration,
    Restored,
)
from sciencegen.domains.capabilities.structures import (
    Compared,
    Family,
    Form,
    MetricNote,
    Objects,
    Pictures,
    Points,
    Predictions,
    ReferenceSets,
    Scaffold,
    SequenceDraws,
    Sequences,
    Sidecar,
    Structures,
)
from sciencegen.items import Reference
from sciencegen.report.letters import Letters

__all__ = [
    "Analogues", "BlockMoves", "Cells", "CodedFiles", "Columns", "Compared", "Cut", "Cutouts", "DescribesDraws",
    "Design", "DesignSpace", "DrawTask", "DrawTasks", "DrawsGiven", "Edits", "Family", "Form", "FromBlocks",
    "Instrument", "Letters", "Materials", "MetricNote", "Moves", "Objects", "Observation", "OrderOptions", "Orders",
    "Pictures", "Points", "Predictions", "Reference", "ReferenceSets", "Restoration", "Restored", "Scaffold",
    "SequenceDraws", "Sequences", "SharedPart", "Sidecar", "Structures", "TaskSettings", "VariantNames",
    "VariantStructure", "Variants",
]  # fmt: skip
