"""What goes over a control socket: one JSON object on a line, a request or its answer.

    {"uncork": 1, "command": "scale", "workers": 4}
    {"uncork": 1, "result": {"workers": 4}}
    {"uncork": 1, "error": {"exit_code": 4, "what": "…", "cause": "…", "hints": [], …}}

The number is that of the protocol. Within one number, fields may be added to what is told.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uncork.errors import EnvironmentProblem, UncorkError, UsageError
from uncork.supervisor.error_facts import error_from_facts, facts_of_error

PROTOCOL = 1
MAX_REQUEST_BYTES = 64 * 1024
NOT_PERMITTED = "not permitted"
"""What the error says to a peer that may not ask."""


@dataclass(frozen=True)
class Request:
    """What somebody asks for."""

    command: str
    arguments: Mapping[str, Any]


def request_line(command: str, arguments: Mapping[str, Any]) -> bytes:
    """The request as a line."""
    return _line({**arguments, "uncork": PROTOCOL, "command": command})


def read_request(line: bytes) -> Request:
    """The request of a line.

    Raises:
        UsageError: It is none.
        EnvironmentProblem: It is of another version.
    """
    facts = _object(line)
    version = facts.pop("uncork", None)
    command = facts.pop("command", None)
    if not isinstance(version, int) or not isinstance(command, str):
        raise UsageError(
            "that is not a request",
            hints=(f'a request is a line such as {{"uncork": {PROTOCOL}, "command": "status"}}',),
        )
    if version != PROTOCOL:
        raise _other_version(version, PROTOCOL, sys.executable)
    return Request(command, facts)


def result_line(result: Mapping[str, Any]) -> bytes:
    """The answer to a request that was fulfilled."""
    return _line({"uncork": PROTOCOL, "result": result})


def error_line(error: UncorkError) -> bytes:
    """The answer to a request that was not."""
    facts = {**facts_of_error(error), "python": sys.executable}
    return _line({"uncork": PROTOCOL, "error": facts})


def read_answer(line: bytes) -> Mapping[str, Any]:
    """The result that a line tells.

    Raises:
        UncorkError: The error that it tells.
        EnvironmentProblem: It is no answer, or one of another version.
    """
    try:
        facts = _object(line)
        version, error, result = facts["uncork"], facts.get("error"), facts.get("result")
        told = None if error is None else error_from_facts(error)
        python = error["python"] if error is not None else "python"
    except (UsageError, LookupError, TypeError, ValueError):
        raise _unreadable() from None
    if version != PROTOCOL:
        raise _other_version(PROTOCOL, version, python)
    if told is not None:
        raise told
    if not isinstance(result, dict):
        raise _unreadable()
    return result


def _line(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts).encode() + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise UsageError("that is not a JSON object")
    return facts


def _other_version(asked: int, spoken: int, python: str) -> UncorkError:
    than = "newer" if spoken > asked else "older"
    return EnvironmentProblem(
        f"the server is of {than} make than this command",
        cause=f"it speaks version {spoken} of the control protocol, and this command {asked}",
        hints=(f"use the `uncork` of the server: `{python} -m uncork status`",),
    )


def _unreadable() -> UncorkError:
    return EnvironmentProblem(
        "the server's answer could not be read",
        cause="whoever listens on that socket is not uncork, or one that is not known here",
    )
