"""Damaged folders of runs, models and predictors are errors that name a file or the folder, and never hang."""

from __future__ import annotations

import shutil
import signal
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from sciencegen.api.models.folder import KEY, load_model, with_checksums
from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.report import report
from sciencegen.errors import IncompatibleError, SciencegenError
from sciencegen.files import sha256_of
from sciencegen.runs import RunFolder
from tests.damaged_documents import damages, files_of

OLD = Path(__file__).parents[1] / "old_artefacts" / "0.1.0"
LONGEST_S = 10
USED = ("representation.json", "weights.safetensors")
CASES = {
    "model": (OLD / "joint/model", lambda folder: load_model("molecules", folder, "cpu"), 20),
    "variants": (OLD / "variants/model", lambda folder: load_model("proteins", folder, "cpu"), 20),
    "predictor": (OLD / "run/proteins/short/predictors/value", lambda folder: load_predictor("proteins", folder), 20),
    "observing": (OLD / "stamp-predictor/predictor", lambda folder: load_predictor("galaxies", folder), 20),
    "structures": (OLD / "structure-predictor/predictor", lambda folder: load_predictor("molecules", folder), 20),
    "run": (OLD / "run/proteins/short", report, 2),
}
"""Folder, what reads it, and the number of random damages of each file."""


@contextmanager
def in_time():
    def late(*_):
        raise TimeoutError(f"longer than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_folder_is_an_error_in_words_or_is_read(tmp_path, name):
    source, read, count = CASES[name]
    folder, wrong = tmp_path / "folder", []
    shutil.copytree(source, folder)
    read(folder)  # what it loads late is loaded
    for file in [one for one in files_of(folder) if Path(one).suffix not in (".html", ".md")]:
        content = (folder / file).read_bytes()
        for number, damaged in enumerate(damages(content, file, 0, count)):
            (folder / file).write_bytes(damaged)
            try:
                with in_time():
                    read(folder)
            except SciencegenError as error:
                if not str(error):
                    wrong.append(f"{file} {number}: no words")
            except Exception as error:
                wrong.append(f"{file} {number} {damaged[:60]!r}: {type(error).__name__}: {error}")
        (folder / file).write_bytes(content)
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])


@pytest.fixture
def checked(tmp_path):
    """A model with checksums."""
    folder = tmp_path / "model"
    shutil.copytree(OLD / "joint/model", folder)
    run = RunFolder(folder)
    run.write_yaml("config.yaml", with_checksums(run.read_yaml("config.yaml"), {n: sha256_of(run / n) for n in USED}))
    return folder


@pytest.mark.parametrize("name", USED)
def test_a_flipped_bit_is_found(checked, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model("molecules", checked, "cpu")
    content = bytearray((checked / name).read_bytes())
    place = len(content) - 9 if name.endswith("safetensors") else content.index(b"0.") + 2
    content[place] ^= 1
    (checked / name).write_bytes(content)
    with pytest.raises(IncompatibleError, match=rf"Expected {name} of the model in .* as saved"):
        load_model("molecules", checked, "cpu")


def test_a_size_in_the_settings_is_not_built_if_it_was_changed(checked):
    config = yaml.safe_load((checked / "config.yaml").read_text())
    config["settings"]["network"]["layers"] = 10**9
    (checked / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(IncompatibleError, match="Expected the settings of the model"), in_time():
        load_model("molecules", checked, "cpu")


def test_an_old_folder_without_checksums_loads_with_a_note(checked):
    config = yaml.safe_load((checked / "config.yaml").read_text())
    del config[KEY]
    (checked / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.warns(UserWarning, match="has no checksums"):
        load_model("molecules", checked, "cpu")
