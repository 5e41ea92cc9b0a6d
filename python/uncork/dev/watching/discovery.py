"""What is worth watching for an app: its project, and what it has loaded from elsewhere."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from uncork.dev.watching.flask_folders import flask_folders
from uncork.dev.watching.installed import editable_folders, is_installed
from uncork.dev.watching.listing import PROJECT_MARKS, holds_everything
from uncork.dev.watching.watch_list import WatchList, absolute


def project_root(path: str | os.PathLike[str]) -> Path:
    """The project in which a file or folder lies: what has a `pyproject.toml`, `.git` or the like.

    If there is none, the folder itself, or the file's.
    """
    start = Path(absolute(path))
    if start.is_file() or (start.suffix == ".py" and not start.is_dir()):
        start = start.parent
    for folder in (start, *start.parents):
        if folder != start and holds_everything(str(folder)):
            break
        if any((folder / mark).exists() for mark in PROJECT_MARKS):
            return folder
    return start


def project_list(path: str | os.PathLike[str]) -> WatchList:
    """The project of a file or folder, before anything of the app is known."""
    root = project_root(path)
    return WatchList.of(
        roots=[root], settings=[root / "pyproject.toml", root / "uncork.toml"], files=_file(path)
    )


def what_to_watch(app: object | None, error: BaseException | None = None) -> WatchList:
    """What the process that runs an app has loaded from outside of what is installed.

    To be called in that process. Imports nothing of the app's.

    Args:
        app: The app; `None`: it could not be loaded.
        error: Why; the files that its tracebacks name are watched too.
    """
    files = list(_own_files())
    roots = _roots_of(files)
    folders = flask_folders(app)
    return WatchList.of(
        roots=_outermost(roots),
        files=[*files, *_named_files(error)],
        templates=[each for each in folders.templates if not is_installed(f"{each}/")],
        statics=[each for each in folders.statics if not is_installed(f"{each}/")],
        settings=[each for each in folders.settings if not is_installed(each)],
    )


def _file(path: str | os.PathLike[str]) -> list[str]:
    return [os.fspath(path)] if Path(path).suffix == ".py" else []


def _own_files() -> Iterator[str]:
    """The source, or else the library, of each module that is loaded and not installed."""
    folders: dict[str, str] = {}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.startswith("/") and not is_installed(path):
            folder, _, name = path.rpartition("/")
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            if not is_installed(f"{folders[folder]}/"):
                yield f"{folders[folder]}/{name}"


def _roots_of(files: Iterable[str]) -> list[str]:
    """The projects of modules, and of those that are in none, the outermost packages."""
    found: dict[str, None] = {}
    editable: tuple[str, ...] | None = None
    for folder in dict.fromkeys(path.rpartition("/")[0] for path in files):
        root = project_root(folder)
        if not any((root / mark).exists() for mark in PROJECT_MARKS):
            editable = editable_folders() if editable is None else editable
            around = (each for each in editable if f"{folder}/".startswith(f"{each}/"))
            root = Path(next(around, None) or _outermost_package(folder))
        found[str(root)] = None
    return list(found)


def _outermost_package(folder: str) -> Path:
    found = Path(folder)
    if (found / "__init__.py").exists():
        while (found.parent / "__init__.py").exists():
            found = found.parent
    return found


def _outermost(folders: Iterable[str]) -> list[str]:
    """Those that do not lie in another one, which is watched wholly."""
    every = set(folders)
    return [
        each
        for each in every
        if not any(
            str(outer) in every and not holds_everything(str(outer)) for outer in Path(each).parents
        )
    ]


def _named_files(error: BaseException | None) -> Iterator[str]:
    """The user's files that an error's tracebacks name, whether or not they became modules."""
    if error is None:
        return
    told = traceback.TracebackException.from_exception(error, lookup_lines=False)
    pending, seen = [told], set[int]()
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        names = [frame.filename for frame in each.stack]
        # Of a syntax error; other kinds have no such attribute.
        names.append(getattr(each, "filename", None) or "")
        for name in names:
            if name.startswith("/") and Path(name).is_file() and not is_installed(absolute(name)):
                yield absolute(name)
        inner = (each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ()))
        pending += [further for further in inner if further is not None]
