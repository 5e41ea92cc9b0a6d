"""A small Flask project in a folder of its own, and what a user does to it."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

_APP = """\
import os, secrets, sys, time
with open(os.environ["RELOADING_LOADS"], "a") as loads:
    loads.write("loaded\\n")
if os.environ.get("RELOADING_WRITES"):
    with open("app.log", "a") as log:
        log.write("the app has started\\n")
from flask import Flask
import helper

app = Flask(__name__)
LOADED = secrets.token_hex(4)

@app.get("/")
def home():
    return f"{helper.VALUE} {LOADED}"

@app.get("/slow")
def slow():
    time.sleep(2)
    return "slow and whole"

@app.get("/environment")
def environment():
    return os.environ.get("SHOP_NAME", "none")

@app.get("/write")
def write():
    for name in ("app.log", "data.sqlite"):
        with open(name, "a") as file:
            file.write("written\\n")
    return "written"

if __name__ == "__main__":
    app.run(debug=True, port=int(sys.argv[1]))
"""
_SOME_TIME_AGO = 3600.0


class Project:
    """The files; each change has another size, so that no compiled module is taken for current."""

    def __init__(self) -> None:
        self._kept = tempfile.TemporaryDirectory(prefix="reloading-")
        root = Path(self._kept.name)
        self.folder = root / "project"
        self.folder.mkdir()
        self._loads = root / "loads"
        self._changes = 0
        (self.folder / "hello.py").write_text(_APP)
        (self.folder / ".env").write_text("SHOP_NAME=before\n")
        self.edit()

    @property
    def variables(self) -> dict[str, str]:
        """What the app is to find in its environment."""
        return {"RELOADING_LOADS": str(self._loads)}

    @property
    def helper(self) -> Path:
        """The module that is edited."""
        return self.folder / "helper.py"

    def loads(self) -> int:
        """How often the app's module was executed."""
        return self._loads.read_text().count("\n") if self._loads.exists() else 0

    def edit(self) -> str:
        """Saves another value; what the app then answers with."""
        value = self._value()
        self.helper.write_text(f"VALUE = {value!r}\n")
        return value

    def replace_by_older(self) -> str:
        """Puts an older file in the place of the module, as a checkout or a backup does."""
        value = self._value()
        draft = self.folder.parent / "draft"
        draft.write_text(f"VALUE = {value!r}\n")
        before = self.helper.stat().st_mtime - _SOME_TIME_AGO
        os.utime(draft, (before, before))
        draft.replace(self.helper)
        return value

    def close(self) -> None:
        """Removes everything."""
        self._kept.cleanup()

    def _value(self) -> str:
        self._changes += 1
        return secrets.token_hex(4) + "x" * self._changes
