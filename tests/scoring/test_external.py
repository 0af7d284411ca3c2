"""A program as an oracle: results go to the right item, and whatever goes wrong fails only what it must."""

import os
import sys
import time

import pytest

from sciencegen.errors import ConfigError
from sciencegen.scoring.oracles import Oracle
from sciencegen.scoring.programs import CommandOracle

HEAD = "import csv, os, sys, time\nrows = [line.split() for line in open(sys.argv[1])]\nout = open(sys.argv[2], 'w')\n"


def write_words(path, items, names):
    path.write_text("".join(f"{item} {name}\n" for item, name in zip(items, names, strict=True)))


@pytest.fixture
def oracle(tmp_path):
    """Make an oracle from the Python body of a program that sees `rows` (item, name) and writes `out`."""

    def make(body, head=HEAD, arguments="{input} {output}", **settings):
        script = tmp_path / "program.py"
        script.write_text(head + body)
        command = f"'{sys.executable}' '{script}' {arguments}"
        return CommandOracle("length", command, write_words, **{"retries": 0, "timeout_s": 20, **settings})

    return make


def test_values_come_back_to_their_item_in_any_row_order(oracle):
    body = "out.write('index,value,low\\n')\nfor word, name in reversed(rows): out.write(f'{name},{len(word)},0\\n')"
    scores = oracle(body, lower_column="low").score(["abc", "de", "f"])
    assert [(s.value, s.lower, s.upper) for s in scores] == [(3, 0, None), (2, 0, None), (1, 0, None)]


def test_rows_may_name_the_item_itself(oracle):
    body = "out.write('item,score\\n')\nfor word, name in sorted(rows): out.write(f'{word},{len(word)}\\n')"
    scores = oracle(body, value_column="score").score(["ccc", "aa", "ccc"])
    assert [s.value for s in scores] == [3, 2, 3]


def test_missing_rows_and_non_numbers_fail_alone(oracle):
    body = "out.write('id,value\\n0,1.5\\n1,\\n2,nan\\n3,inf\\n4,abc\\n6,7\\n6,8\\n99,1\\n')"
    scores = oracle(body).score(list("abcdefg"))
    assert [s.value for s in scores] == [1.5, None, None, None, None, None, 7]
    assert "'abc'" in scores[4].failure
    assert "no row" in scores[5].failure


def test_a_failing_batch_fails_its_own_items_and_says_why(oracle):
    body = """
if rows[0][0] == 'bad': print('licence expired', file=sys.stderr); sys.exit(3)
out.write('index,value\\n')
for word, name in rows: out.write(f'{name},1\\n')
"""
    scores = oracle(body, batch_size=2, parallel=2).score(["ok", "ok", "bad", "x", "ok"])
    assert [s.failed for s in scores] == [False, False, True, True, False]
    assert scores[2].failure == "exit code 3: licence expired"


def test_retries_start_anew(oracle, tmp_path):
    body = f"""
mark = {str(tmp_path / "mark")!r}
if not os.path.exists(mark): open(mark, 'w').close(); sys.exit(1)
out.write('index,value\\n0,5\\n')
"""
    assert oracle(body, retries=1).score(["a"])[0].value == 5
    (tmp_path / "mark").unlink()
    assert oracle(body, retries=0).score(["a"])[0].failed


def test_a_time_out_ends_the_program_and_its_children(oracle, tmp_path):
    body = f"""
import subprocess
child = subprocess.Popen(['sleep', '60'])
open({str(tmp_path / "pid")!r}, 'w').write(str(child.pid))
time.sleep(60)
"""
    started = time.monotonic()
    scores = oracle(body, timeout_s=1.5).score(["a", "b"])
    assert [s.failure for s in scores] == ["time-out after 1.5 s"] * 2
    assert time.monotonic() - started < 15
    assert _ends(int((tmp_path / "pid").read_text()))


def _ends(pid):
    for _ in range(50):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_no_shell_sees_the_arguments(oracle, tmp_path):
    body = "out.write('index,value\\n0,' + str(len(sys.argv)) + '\\n')"
    scores = oracle(body, arguments="{input} {output} '$(touch evil)' ';touch' evil").score(["a"])
    assert scores[0].value == 6
    assert not os.path.exists("evil")


def test_exit_zero_without_output_is_a_failure(oracle):
    assert oracle("pass", head="").score(["a"])[0].failure == "exit code 0, but no output file"


def test_a_wrong_column_is_a_config_error_that_names_both(oracle):
    with pytest.raises(ConfigError, match=r"Expected columns value.*found index, affinity"):
        oracle("out.write('index,affinity\\n0,1\\n')").score(["a"])
    with pytest.raises(ConfigError, match="index or item"):
        oracle("out.write('value\\n1\\n')").score(["a"])


def test_a_wrong_command_is_refused_when_stated():
    with pytest.raises(ConfigError, match="no shell"):
        CommandOracle("x", "true {input} > {output}", write_words)


def test_no_items_run_nothing(oracle):
    made = oracle("sys.exit(1)")
    assert made.score([]) == []
    assert isinstance(made, Oracle)


def test_batches_run_side_by_side(oracle):
    body = "time.sleep(1)\nout.write('index,value\\n0,1\\n')"
    started = time.monotonic()
    scores = oracle(body, batch_size=1, parallel=4).score(list("abcd"))
    assert all(s.value == 1 for s in scores)
    assert time.monotonic() - started < 3.5
