"""An error as facts in a message: what the supervisor was refused, the worker tells.

So it stands where every other failure to start stands, and inside the script's own run call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uncork.errors import AppError, EnvironmentProblem, InternalError, UncorkError, UsageError

_TYPES: tuple[type[UncorkError], ...] = (InternalError, UsageError, AppError, EnvironmentProblem)


def facts_of_error(error: UncorkError) -> dict[str, Any]:
    """What `error_from_facts` makes the same error of."""
    return {
        "exit_code": error.exit_code,
        "what": error.what,
        "cause": error.cause,
        "hints": list(error.hints),
        "details": error.details,
    }


def error_from_facts(facts: Mapping[str, Any]) -> UncorkError:
    """The error that was told."""
    kind = next((kind for kind in _TYPES if kind.exit_code == facts["exit_code"]), InternalError)
    return kind(
        facts["what"],
        cause=facts["cause"],
        hints=tuple(facts["hints"]),
        details=facts["details"],
    )
