"""The `sciencegen` command: its verbs, and the exit code of each kind of error.

Exit codes: 0 done (refused rows included), 2 wrong usage or settings, 3 no usable row or no score at all,
4 incompatible weights, 5 fewer results than requested, 6 rows that can't be made again as they are, 130 stopped by
Ctrl-C, 143 by SIGTERM, 141 the reader of the output ended early. Heavy libraries are imported by a verb when it runs,
not here.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import warnings
from pathlib import Path
from typing import TextIO

import typer

from sciencegen import progress as notes
from sciencegen.cli.commands import MARKUP, Verbs, same_name
from sciencegen.cli.console import failed, leave, say, take_further, take_names
from sciencegen.cli.output import released_outputs, stopped
from sciencegen.cli.process import (
    READER_GONE,
    drop_unwritten,
    open_closed_streams,
    stops_raise,
    take_process,
    watched_readers,
    write_any_character,
)
from sciencegen.errors import ConfigError, SciencegenError, Stopped, named_extras
from sciencegen.plugins import NO_PLUGINS

app = typer.Typer(
    name="sciencegen",
    cls=Verbs,
    help="Generative design: learn from data, search the latent space for requested properties, rank what is found.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    context_settings={"help_option_names": ["-h", "--help"]},
)

take_names(same_name)
PACKAGE = Path(__file__).parents[1]
INTERRUPTED = 130
"""Exit code after a Ctrl-C."""
SYSTEM_SAYS_NO = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG,
    errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.EBADF,
}  # fmt: skip
"""Errors of files that only the user can fix: a full or read-only disk, limits, missing permissions, closed streams."""


def _refuse_plugins(value: bool) -> None:
    if value:  # before a command is looked up
        os.environ[NO_PLUGINS] = "1"  # also of the steps of a workflow


def _version(value: bool) -> None:
    if value:
        from sciencegen import __version__

        typer.echo(__version__)
        raise typer.Exit()


@app.callback()
def callback(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    no_plugins: bool = typer.Option(
        False,
        "--no-plugins",
        callback=_refuse_plugins,
        is_eager=True,
        help="Refuse code of others: installed plugins, programs as oracles, module:function.",
    ),
) -> None:
    """Generative design: learn from data, search the latent space for requested properties, rank what is found."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise ConfigError("Expected a current folder, it has been removed. Change to another one with `cd`.") from None


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Our own warnings are notes; those of libraries stay as Python shows them."""
    if category in (UserWarning, FutureWarning) and Path(filename).is_relative_to(PACKAGE):
        say(f"note: {message}")
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=sys.stderr)


def main(own_process: bool = True) -> None:
    """Run the command. A `SciencegenError` is printed as one message on stderr and sets the exit code.

    own_process: whether this process runs nothing else, so that workers may be copies of it.
    """
    if own_process:
        take_process()
    open_closed_streams()
    write_any_character()
    with watched_readers() as reader_is_gone:
        try:
            take_further(())
            code = _exit_code()
            notes.leave(sys.argv[1:])
            leave(code)
        except SystemExit as ended:  # rich and typer end by themselves, with 1, when a reader has gone
            code = _number(ended)
        if code == 1 and reader_is_gone():
            drop_unwritten()
            code = READER_GONE
    # Python remembers a Ctrl-C that left an `exec` (libraries and dataclasses call it), and `python -m` then ends by
    # SIGINT instead of with our exit code. The next `exec` makes it forget.
    exec("")
    if own_process:
        gc.freeze()  # a search for garbage among all that libraries made would only delay the end
    sys.exit(code)


def _exit_code() -> int:
    """Run the command, write what is left on stdout, and return the exit code."""
    try:
        try:
            with named_extras(), stops_raise(), released_outputs(), warnings.catch_warnings():
                warnings.showwarning = _show_warning
                app()
            code = 0
        except SystemExit as ended:
            code = _number(ended)
            if code == INTERRUPTED:  # typer's own answer to a KeyboardInterrupt
                stopped()
        sys.stdout.flush()
    except SciencegenError as error:
        failed(str(error))
        say(f"error: {error}", style="red", names_keys=error.names_keys)
        return error.exit_code
    except Stopped as stop:
        stopped(str(stop))
        return stop.exit_code
    except KeyboardInterrupt:
        stopped()
        return INTERRUPTED
    except BrokenPipeError:
        drop_unwritten()
        return READER_GONE
    except OSError as error:
        if error.errno not in SYSTEM_SAYS_NO:
            raise
        drop_unwritten()
        _say_what_the_system_refused(error)
        return ConfigError.exit_code
    return code


def _say_what_the_system_refused(error: OSError) -> None:
    place = error.filename or "standard output, or a temporary file"
    closed = error.errno in (errno.EACCES, errno.EPERM)
    remedy = "Change its permissions, or choose another place" if closed else "Choose another place, or free some space"
    message = f"{place}: {error.strerror}. {remedy}."
    failed(message)
    say(f"error: {message}", style="red")


def _number(ended: SystemExit) -> int:
    return ended.code if isinstance(ended.code, int) else int(ended.code is not None)


if __name__ == "__main__":
    main()
