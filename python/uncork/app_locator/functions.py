"""Finds a function by its text, `module:function`, as an app is found: from the same folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from uncork.app_locator import importing, patching, runners, takeover
from uncork.app_locator.spec import parse_spec
from uncork.errors import AppError

Result = TypeVar("Result")


def with_function(
    text: str,
    source: str,
    use: Callable[[Callable[[], object]], Result],
    *,
    verbose: bool = False,
) -> Result:
    """Imports the module and calls `use` with the function; `sys.path` is as for an app meanwhile.

    Args:
        text: What names it.
        source: Who named it, for messages.
        use: Calls the function, say.
        verbose: Show tracebacks whole.

    Raises:
        UsageError: The text can't be read.
        AppError: There is no such function, or the module failed.
    """
    parsed = parse_spec(text, source)
    place = importing.place_module(parsed.path)
    argument = parsed.path if place.is_file else str(place.file or parsed.path)
    with importing.started_from(place.root, [argument]):
        # Its own `app.run()` at module level is passed over; one inside the function is meant.
        with patching.patched(runners.patchers(takeover.PassOver())):
            found: object = importing.import_module(place, verbose=verbose)
        for name in parsed.expression.attributes if parsed.expression else ():
            if not hasattr(found, name):
                raise AppError(f"failed to find attribute `{name}` in `{place.name}`")
            found = getattr(found, name)
        if not callable(found):
            raise AppError(f"`{text}` is no function: it can't be called")
        return use(found)
