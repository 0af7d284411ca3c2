"""What a predictor learned from is kept as hashes; older folders keep nothing, and damaged ones are refused."""

import numpy as np
import pytest

from sciencegen.api.predictors.folder import TRAINING_KEYS, read_training_keys, write_training_keys
from sciencegen.errors import IncompatibleError
from sciencegen.runs import RunFolder


def test_keys_come_back_and_others_do_not(tmp_path):
    assert read_training_keys(tmp_path) is None
    write_training_keys(RunFolder(tmp_path), ["CCO", "CCN", "CCO"])
    known = read_training_keys(tmp_path)
    assert [key in known for key in ("CCO", "CCN", "CCC")] == [True, True, False]


@pytest.mark.parametrize("damage", ["cut", "unsorted", "signed", "square", "archive"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path, hashes = tmp_path / TRAINING_KEYS, np.arange(4, dtype=np.uint32)
    made = {"unsorted": hashes[::-1], "signed": hashes.astype(np.int32), "square": hashes.reshape(2, 2)}
    np.save(path, made.get(damage, hashes))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-3])
    if damage == "archive":
        with path.open("wb") as file:
            np.savez(file, hashes)
    with pytest.raises(IncompatibleError, match="sorted hashes"):
        read_training_keys(tmp_path)
