"""The traceback of an exception of the app's, without the frames of uncork that called it."""

from __future__ import annotations

import traceback
from pathlib import Path

import uncork

_PACKAGE = str(Path(uncork.__file__).parent)


def app_traceback(error: BaseException) -> str:
    """As Python prints it, from the first frame of the app's own."""
    place = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        place = place.tb_next
    return "".join(traceback.format_exception(error.with_traceback(place)))
