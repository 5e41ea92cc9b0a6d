"""Run as `python locate_all.py flask|uncork`: answers rows of JSON, each in its own folder.

A row is `{"folder": …, "spec": …}`; the answer is `{"app": name}` or `{"refusal": text}`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any


def flask_finds(spec: str | None) -> str:
    from flask.cli import ScriptInfo

    return ScriptInfo(app_import_path=spec).load_app().name


def uncork_finds(spec: str | None) -> str:
    from uncork.app_locator import AppSpec, LocatedApp, with_app

    names: list[str] = []

    def use(located: LocatedApp) -> None:
        names.append(getattr(located.app, "name", type(located.app).__name__))

    with_app(AppSpec(spec, "`FLASK_APP`"), use)
    return names[0]


def answer(find: Any, row: dict[str, Any]) -> dict[str, str]:
    os.chdir(row["folder"])
    modules, path = set(sys.modules), list(sys.path)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return {"app": str(find(row["spec"]))}
    except (Exception, SystemExit) as error:
        return {"refusal": f"{type(error).__name__}: {error}"}
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file is None or file.startswith(row["root"]):
                del sys.modules[name]


def main() -> None:
    import flask  # noqa: F401 # loaded once, for all rows

    os.environ["FLASK_RUN_FROM_CLI"] = "true"
    sys.dont_write_bytecode = True
    sys.path[0] = "/nowhere"  # neither side finds this file's own folder
    find = flask_finds if sys.argv[1] == "flask" else uncork_finds
    rows = json.load(sys.stdin)
    print(json.dumps([answer(find, row) for row in rows]))


if __name__ == "__main__":
    main()
