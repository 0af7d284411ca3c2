"""Records of a preparation."""

from sciencegen.data.prepare import PreparationOptions, SourceDescription
from sciencegen.data.prepared import ItemFunctions
from tests.data import words


def test_defaults_keep_every_column_in_one_split():
    options = PreparationOptions()
    assert (options.split, options.column_names, options.supplied_names) == ("train", None, ())
    assert (options.processes, options.chunk, options.timeout_s) == (2, 512, 60.0)
    assert SourceDescription().name == "the table"
    assert ItemFunctions(words.parse_and_measure).encode is None
