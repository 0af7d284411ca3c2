"""Tests that send signals pass where the test run itself ignores them, as under `nohup`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.signals import ignore

ROOT = Path(__file__).parents[1]
SENDING = {
    "tests/cli/test_signals.py": "",
    "tests/training/test_stopping.py": "",
    "tests/cli/test_maps.py": "a_signal_ends",
    "tests/cli/test_interrupt.py": "ctrl_c or stopped_search",
    "tests/scoring/test_programs.py": "",
    "tests/cli/test_serve.py": "",
    "tests/api/workflow/test_supervision.py": "",
    "tests/serving/test_mcp_server.py": "",
    "tests/workflows/test_run.py": "ctrl_c or sigterm",
}
"""Files of such tests and which of their tests send one."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SENDING)
def test_tests_set_the_handlers_that_they_rely_on(name, tmp_path):
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}", name]
    if SENDING[name]:
        words += ["-k", SENDING[name], "-m", "slow or not slow"]
    done = subprocess.run(
        words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=ignore, check=False,
        start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_file_that_sends_a_signal_is_among_them():
    sends = ("send_signal(", "raise_signal(", "killpg(")
    own = {
        "tests/benchmarks/serving.py",
        "tests/test_signals.py",
        "tests/training/line.py",
        "tests/kills/hook/sitecustomize.py",
    }
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in sends)
    }
    assert found - own == SENDING.keys()
