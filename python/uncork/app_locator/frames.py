"""Whose code is it? Tracebacks cut down to the lines that the user wrote, and their places.

A frame is the user's unless it is uncork's, the standard library's, or an installed package's.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from pathlib import Path
from types import FrameType

import uncork

_MOST_DETAIL_LINES = 9
"""With the error, its cause and a hint, a refusal stays within a dozen lines."""


def shown(path: str | os.PathLike[str]) -> str:
    """The path as a person would type it: relative when it is below the working directory."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def place_of(error: BaseException) -> str | None:
    """The user's line that the error is about, as in "hello.py:3"; `None` if there is none."""
    if isinstance(error, SyntaxError) and error.filename and is_users(error.filename):
        return f"{shown(error.filename)}:{error.lineno or 1}"
    frames = _users_frames(error)
    return f"{shown(frames[-1].filename)}:{frames[-1].lineno}" if frames else None


def calling_place() -> str | None:
    """The user's line that is running now, as in "hello.py:12"; `None` in a thread without one."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return None if frame is None else f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"


def is_called_by_user() -> bool:
    """Whether the user's code is what called, through the standard library at most."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not (filename.startswith("<") or is_ours(filename) or _is_standard(filename)):
            return is_users(filename)
        frame = frame.f_back
    return False


def is_raised_by_uncork(error: BaseException) -> bool:
    """Whether another part of uncork raised the error, such as a signal handler that stops all.

    The locator's own frames prove nothing: a wrong call of a factory ends in the frame that calls.
    """
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return False
    filename = place.tb_frame.f_code.co_filename
    return is_ours(filename) and not filename.startswith(str(Path(__file__).parent) + os.sep)


def is_ours(filename: str) -> bool:
    """Whether the file belongs to uncork."""
    return filename.startswith(str(Path(uncork.__file__).parent) + os.sep)


def is_users(filename: str) -> bool:
    """Whether the file is the user's own code."""
    if filename.startswith("<") or is_ours(filename) or _is_installed(filename):
        return False
    return not _is_standard(filename)


def _is_installed(filename: str) -> bool:
    return bool({"site-packages", "dist-packages"} & set(Path(filename).parts))


def _is_standard(filename: str) -> bool:
    is_below = filename.startswith(sysconfig.get_path("stdlib") + os.sep)
    return is_below and not _is_installed(filename)


def user_traceback(error: BaseException, *, verbose: bool) -> str:
    """The traceback with the user's frames only, the middle left out when it is long.

    Args:
        error: What the user's code raised.
        verbose: Give the traceback whole instead, as Python itself would.
    """
    if verbose:
        return "".join(traceback.format_exception(error))
    last = _error_lines(error)
    frames = _users_frames(error) or _frames_of_packages(error)
    most_frames = max(1, (_MOST_DETAIL_LINES - 1 - len(last)) // 2)
    lines = _frame_lines(frames, most_frames)
    return "\n".join(["Traceback (most recent call last):", *lines, *last] if lines else last)


def _users_frames(error: BaseException) -> list[traceback.FrameSummary]:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if is_users(frame.filename)]


def _frames_of_packages(error: BaseException) -> list[traceback.FrameSummary]:
    """For an app that is itself an installed package, where no frame is the user's."""
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not is_ours(frame.filename)
    ]


def _frame_lines(frames: list[traceback.FrameSummary], most: int) -> list[str]:
    if len(frames) <= most:
        return [line for frame in frames for line in _two_lines(frame)]
    first = 1 if most >= 3 else 0
    last = max(1, most - 1 - first)
    left_out = f"  … {len(frames) - first - last} more (all of them with `--verbose`)"
    head = [line for frame in frames[:first] for line in _two_lines(frame)]
    tail = [line for frame in frames[-last:] for line in _two_lines(frame)]
    return [*head, left_out, *tail]


def _two_lines(frame: traceback.FrameSummary) -> list[str]:
    where = f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    return [where, f"    {frame.line}"] if frame.line else [where]


def _error_lines(error: BaseException) -> list[str]:
    lines = "".join(traceback.format_exception_only(error)).rstrip("\n").split("\n")
    if len(lines) > 4:
        lines = [*lines[:3], "…"]
    root = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if root is not None and not is_raised_by_uncork(root):
        first = "".join(traceback.format_exception_only(root)).split("\n", 1)[0].strip()
        place = place_of(root)
        lines.append(f"(came from {first}{f', at {place}' if place else ''})")
    return lines
