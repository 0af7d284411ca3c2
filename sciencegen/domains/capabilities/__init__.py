"""Optional parts of a domain, one record in each file. A domain that lacks a part has None in its place."""

from __future__ import annotations

from sciencegen.domains.capabilities.cells import Cells
from sciencegen.domains.capabilities.coded_files import CodedFiles
from sciencegen.domains.capabilities.cutouts import Cut, Cutouts
from sciencegen.domains.capabilities.design import Design, DesignSpace, Edits
from sciencegen.domains.capabilities.draw_tasks import DescribesDraws, DrawsGiven, DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.capabilities.forms import Family, Form
from sciencegen.domains.capabilities.moves import BlockMoves, Columns, FromBlocks, Materials, Moves
from sciencegen.domains.capabilities.objects import Objects
from sciencegen.domains.capabilities.observation import Instrument, Observation
from sciencegen.domains.capabilities.orders import OrderOptions, Orders
from sciencegen.domains.capabilities.pictures import Compared, Pictures
from sciencegen.domains.capabilities.reference_sets import MetricNote, ReferenceSets
from sciencegen.domains.capabilities.restoration import Restoration, Restored
from sciencegen.domains.capabilities.sequences import Predictions, SequenceDraws, Sequences
from sciencegen.domains.capabilities.sidecar import Sidecar
from sciencegen.domains.capabilities.structures import Points, Scaffold, Structures
from sciencegen.domains.capabilities.variants import VariantClasses, VariantNames, Variants, VariantStructure
from sciencegen.items import Reference
from sciencegen.report.letters import Letters

__all__ = [
    "BlockMoves", "Cells", "CodedFiles", "Columns", "Compared", "Cut", "Cutouts", "DescribesDraws", "Design",
    "DesignSpace", "DrawTask", "DrawTasks", "DrawsGiven", "Edits", "Family", "Form", "FromBlocks", "Instrument",
    "Letters", "Materials", "MetricNote", "Moves", "Objects", "Observation", "OrderOptions", "Orders", "Pictures",
    "Points", "Predictions", "Reference", "ReferenceSets", "Restoration", "Restored", "Scaffold", "SequenceDraws",
    "Sequences", "Sidecar", "Structures", "TaskSettings", "VariantClasses", "VariantNames", "VariantStructure",
    "Variants",
]  # fmt: skip
