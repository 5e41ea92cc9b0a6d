"""Every setting with its value and its origin, for people and for machines."""

from __future__ import annotations

import json
from dataclasses import asdict

from uncork.cli.table import table
from uncork.settings import Bind, Declaration, OnceProcess, ResolvedSettings, declarations


def settings_as_table(resolved: ResolvedSettings) -> str:
    """One line for each setting."""
    rows = [
        (
            each.name,
            each.kind.show(getattr(resolved.values, each.field)),
            resolved.origins[each.field].text.replace("`", ""),
        )
        for each in declarations()
    ]
    return table(("Setting", "Value", "From"), rows)


def settings_as_json(resolved: ResolvedSettings) -> str:
    """An object; durations are seconds, sizes bytes, `null` is none or no limit."""
    settings = {
        each.name: {
            "value": _plain(each, getattr(resolved.values, each.field)),
            "source": resolved.origins[each.field].kind,
            "from": resolved.origins[each.field].text.replace("`", ""),
        }
        for each in declarations()
    }
    files = [str(path) for path in resolved.files]
    return json.dumps({"settings": settings, "files": files}, indent=2)


def _plain(declaration: Declaration, value: object) -> object:
    if declaration.field == "request_timeouts":
        return {each.pattern: each.seconds for each in value}  # type: ignore[attr-defined]
    if isinstance(value, tuple):
        return [asdict(each) if isinstance(each, OnceProcess) else _text(each) for each in value]
    # A mode is written in octal everywhere else; as a JSON number it would be decimal.
    return declaration.kind.show(value) if declaration.field == "unix_mode" else value


def _text(value: object) -> object:
    return value.text if isinstance(value, Bind) else value
