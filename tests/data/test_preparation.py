"""Records of a preparation."""

from sciencegen.data.prepare import ItemFunctions, PreparationOptions, SourceDescription, WorkerSettings
from tests.data import words


def test_defaults_keep_every_column_in_one_split():
    options = PreparationOptions()
    assert (options.split, options.column_names, options.supplied_names) == ("train", None, ())
    assert options.workers == WorkerSettings()
    assert SourceDescription().name == "the table"
    assert ItemFunctions(words.parse_and_measure).encode is None
