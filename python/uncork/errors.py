"""Every failure uncork reports, typed by who can fix it.

A message has three parts: what happened, why, and what to do next. `console.fail` prints
them; nothing here prints. Each type has one exit code, and no other place names one.
"""

from __future__ import annotations

from typing import ClassVar


class UncorkError(Exception):
    """A failure to be shown to a person: one sentence each for what, why and what to do.

    Args:
        what: What happened, lower case, no full stop, literals in backticks.
        cause: Why it happened; `None` when `what` says it all.
        hints: What to do next, one sentence each, most likely first.
        details: Text that is not ours and is shown as it is, such as a traceback of the
            user's own code.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        what: str,
        *,
        cause: str | None = None,
        hints: tuple[str, ...] = (),
        details: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.hints = hints
        self.details = details

    def __str__(self) -> str:
        lines = [f"error: {self.what}"]
        if self.details:
            lines.append(self.details.rstrip("\n"))
        if self.cause:
            lines.append(f"cause: {self.cause}")
        lines.extend(f"hint: {hint}" for hint in self.hints)
        return "\n".join(lines)


class InternalError(UncorkError):
    """uncork itself is wrong; the message asks for a report."""

    exit_code = 1


class UsageError(UncorkError):
    """A flag, a setting or a file of settings is wrong; starting again is no use."""

    exit_code = 2


class AppError(UncorkError):
    """The application could not be found, or its own code failed while it was loaded."""

    exit_code = 3


class EnvironmentProblem(UncorkError):
    """The machine refuses: the port is taken, a permission or a file is missing."""

    exit_code = 4
