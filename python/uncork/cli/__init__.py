"""The command line: flags in, exit code out.

A command's module is imported when the command is run. `uncork --help` therefore loads no
framework, no application and no native module.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import click

from uncork import console
from uncork.cli.commands import CommandGroup, Invocation, LazyCommand
from uncork.cli.usage import usage_error
from uncork.errors import InternalError, UncorkError

# As a shell has it for a process that SIGINT ended: 128 and the signal's number.
INTERRUPTED = 130

COMMANDS = (
    LazyCommand("dev", "uncork.cli.dev", "Serve an application while it is being written"),
    LazyCommand("serve", "uncork.cli.serve", "Serve an application in production"),
    LazyCommand("status", "uncork.cli.status", "Show what a running server does"),
    LazyCommand("top", "uncork.cli.top", "Watch what a running server does"),
    LazyCommand("requests", "uncork.cli.requests", "List the requests that run in a server now"),
    LazyCommand(
        "stacks", "uncork.cli.stacks", "Show where in the code each thread of a running server is"
    ),
    LazyCommand("reload", "uncork.cli.reload", "Load code and settings anew in a running server"),
    LazyCommand("stop", "uncork.cli.stop", "Stop a running server"),
    LazyCommand("scale", "uncork.cli.scale", "Change how many workers a running server has"),
    LazyCommand("reopen", "uncork.cli.reopen", "Open the log files of a running server anew"),
    LazyCommand("health", "uncork.cli.health", "Ask a running server whether it answers"),
    LazyCommand(
        "trust", "uncork.cli.trust", "Say how to make browsers believe the local authority"
    ),
    LazyCommand("routes", "uncork.cli.routes", "List the routes of an application"),
    LazyCommand("shell", "uncork.cli.shell", "Run Python with an application at hand"),
)


def command_group() -> click.Group:
    """The `uncork` command with its commands."""
    return CommandGroup(
        "uncork",
        COMMANDS,
        help="From `python hello.py` to production with one tool, for Flask and every other "
        "WSGI application.",
    )


def main(arguments: Sequence[str]) -> int:
    """Runs one command and returns the exit code; every failure has been told by then.

    `SystemExit` passes through: it is the application's, as in `uncork shell`.
    """
    invocation = Invocation()
    try:
        return _run(arguments, invocation)
    except UncorkError as error:
        if isinstance(error, InternalError) and invocation.debug and not error.details:
            error.details = traceback.format_exc()
        console.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        console.fail(_internal_error(error, is_debug=invocation.debug))
        return InternalError.exit_code


def _run(arguments: Sequence[str], invocation: Invocation) -> int:
    # Deliberately not: click's main(). It answers Ctrl+C, EOFError and EPIPE in its own way.
    try:
        group = command_group()
        with group.make_context("uncork", [*arguments], obj=invocation) as context:
            code = group.invoke(context)
    except click.exceptions.Exit as ending:
        code = ending.exit_code
    except click.UsageError as error:
        raise usage_error(error) from None
    return code if isinstance(code, int) else 0


def _internal_error(error: Exception, *, is_debug: bool) -> InternalError:
    described = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    report = "please report it" if is_debug else "please report it, with the output of `--debug`"
    return InternalError(
        f"uncork failed: {described}",
        cause="this is a fault of uncork, not of your application",
        hints=(f"{report}, the command, and `python --version`",),
        details=traceback.format_exc() if is_debug else None,
    )
