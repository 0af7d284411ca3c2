"""A program with a file in and a file out: what it is called with, and which commands are refused."""

import os
import sys

import pytest

from sciencegen.errors import ConfigError
from sciencegen.scoring.programs import BatchProgram, Exchange, split_command


def _content(path, batch):
    return " ".join(sorted(os.listdir(path))) if path.is_dir() else path.read_text()


@pytest.fixture
def run(tmp_path):
    """Run the Python body of a program on batches of words; the result of each is the text that it wrote."""

    def call(body, batches, arguments="{input} {output}", **more):
        script = tmp_path / "program.py"
        script.write_text(f"import os, sys\n{body}")
        values = more.pop("values", lambda batch: {})
        exchange = Exchange(
            write=lambda path, batch: path.write_text(batch),
            read=more.pop("read", _content),
            failed=lambda batch, reason: f"{batch}: {reason}",
            values=values,
        )
        program = BatchProgram(f"'{sys.executable}' '{script}' {arguments}", "in.txt", "out", **more)
        return program.run(batches, exchange)

    return call


def test_results_are_in_the_order_of_the_batches(run):
    body = "text = open(sys.argv[1]).read()\nif text == 'b': sys.exit('no licence')\nopen(sys.argv[2], 'w').write(text)"
    found = run(body, ["a", "b", "c"], parallel=2, retries=0)
    assert found == ["a", "b: exit code 1: no licence", "c"]


def test_the_output_may_be_a_folder(run):
    assert run("os.mkdir(sys.argv[2])\nfor x in 'ab': open(f'{sys.argv[2]}/{x}', 'w')", ["x"]) == ["a b"]


@pytest.mark.parametrize(
    "body",
    [
        "os.mkfifo(sys.argv[2])",
        "os.symlink('/dev/zero', sys.argv[2])",
        "import socket\nos.chdir(os.path.dirname(sys.argv[2]))\nsocket.socket(socket.AF_UNIX).bind('out')",
        "os.symlink('nowhere', sys.argv[2])",
        "os.symlink(sys.argv[2], sys.argv[2])",
    ],
)
def test_what_has_no_end_is_no_output(run, body):
    assert run(body, ["x"], read=lambda path, batch: "read", retries=0) == ["x: exit code 0, but no output file"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os.remove('log.txt')", ""),
        ("os.remove('log.txt')\nos.mkdir('log.txt')", ""),
        ("os.remove('log.txt')\nos.mkfifo('log.txt')", ""),
        ("print()", ""),
        ("print('x' * 10**6)\nprint('no licence')", ": no licence"),
        ("sys.stdout.buffer.write(b'\\xff\\n')", ": \ufffd"),
    ],
)
def test_the_exit_code_is_told_whatever_became_of_the_log(run, body, words):
    found = run(f"os.chdir(os.path.dirname(sys.argv[2]))\n{body}\nsys.exit(4)", ["x"], retries=0)
    assert found == [f"x: exit code 4{words}"]


def test_names_in_braces_become_the_values_of_a_batch(run):
    """A value that looks like another name is not replaced again, and no shell sees the words."""
    body = "open(sys.argv[2], 'w').write('|'.join(sys.argv[3:]))"
    arguments = "{input} {output} --seed={seed} {seed}{other} '{input} $HOME'"
    first, second = run(body, ["x", "y"], arguments, values=lambda batch: {"seed": f"{batch}{{input}}"})
    assert first.startswith("--seed=x{input}|x{input}{other}|")
    assert second.startswith("--seed=y{input}|y{input}{other}|")
    assert second.endswith("in.txt $HOME")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("true {input}", r"\{output\}"),
        ("true", r"\{input\} and \{output\}"),
        ("true {input} > {output}", "no shell"),
        ("no-such-program-here {input} {output}", "no-such-program-here"),
        ("true '{input} {output}", "No closing quotation"),
    ],
)
def test_wrong_commands_are_refused(command, message):
    with pytest.raises(ConfigError, match=message):
        split_command(command)


def test_a_program_that_is_not_executable_gets_the_remedy(tmp_path):
    path = tmp_path / "dock.sh"
    path.write_text("#!/bin/sh\n")
    with pytest.raises(ConfigError, match=r"chmod \+x"):
        split_command(f"{path} {{input}} {{output}}")
