"""What workers share is made once, and anew where making it failed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.shared import made_once


def test_the_first_that_asks_makes_it_and_the_others_wait(tmp_path_factory):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "item").write_text("whole")

    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: made_once(tmp_path_factory, "asked-by-four", make), range(4)))
    assert made == [folders[0]]
    assert len(set(folders)) == 1
    assert (folders[0] / "item").read_text() == "whole"


def test_what_failed_is_made_anew_from_an_empty_folder(tmp_path_factory):
    def fail(folder):
        (folder / "half").touch()
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        made_once(tmp_path_factory, "fails-once", fail)
    folder = made_once(tmp_path_factory, "fails-once", lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]
