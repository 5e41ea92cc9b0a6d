"""The traceback of an exception of the app's, without the frames of uncork that called it."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

import uncork

_PACKAGE = str(Path(uncork.__file__).parent)


def first_app_frame(error: BaseException) -> TracebackType | None:
    """Where the traceback of `error` comes to the app's own code, if it does."""
    place = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        place = place.tb_next
    return place


def app_traceback(error: BaseException) -> str:
    """As Python prints it, from the first frame of the app's own."""
    place = first_app_frame(error)
    return "".join(traceback.format_exception(error.with_traceback(place)))
