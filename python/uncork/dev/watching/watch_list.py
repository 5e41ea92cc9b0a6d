"""What is to be watched, in a form that can be sent to another process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

_FOLDERS = frozenset(("roots", "templates", "statics"))


@dataclass(frozen=True)
class WatchList:
    """Folders and files, all by absolute paths; nothing need exist yet.

    Attributes:
        roots: Folders whose `*.py`, `.env`, template and static files count, at any depth.
        files: Single files, such as modules that lie elsewhere.
        extra: Files, folders or globs (`**` is any number of folders) that the user has named;
            each file in such a folder counts.
        exclude: What does not count, as in `flask run --exclude-patterns`: `fnmatch` of the whole
            path, or of the path from the root.
        templates: Folders of templates.
        statics: Folders of static files.
        environment: Files with environment variables, beside those that are called `.env`,
            `.flaskenv` or `.env.*`.
        settings: Files with settings of uncork.
    """

    roots: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    statics: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @classmethod
    def of(cls, **paths: Iterable[str | os.PathLike[str]]) -> Self:
        """A list of paths of any kind; relative ones are seen from the working directory."""
        return cls(
            **{
                name: tuple(dict.fromkeys(_normal(name, os.fspath(each)) for each in items))
                for name, items in paths.items()
            }
        )

    def facts(self) -> dict[str, list[str]]:
        """As it goes over a channel: JSON can have it."""
        return {field.name: list(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `facts` has made; also of what an app may have sent.

        Raises:
            ValueError: That is no such list.
        """
        found: dict[str, tuple[str, ...]] = {}
        for field in fields(cls):
            items = facts.get(field.name, [])
            if not isinstance(items, list) or not all(isinstance(each, str) for each in items):
                raise ValueError(f"`{field.name}` is no list of paths")
            found[field.name] = tuple(items)
        return cls(**found)

    def __or__(self, other: WatchList) -> WatchList:
        """Both together, each item once."""
        return WatchList(
            **{
                field.name: tuple(
                    dict.fromkeys((*getattr(self, field.name), *getattr(other, field.name)))
                )
                for field in fields(self)
            }
        )


def _normal(name: str, path: str) -> str:
    """A path of the field `name`, so that it is the one under which the kernel tells of it."""
    if name == "exclude":
        return path
    return os.path.realpath(path) if name in _FOLDERS else absolute(path)


def absolute(path: str | os.PathLike[str]) -> str:
    """The path from the root, without `..` and without symbolic links in its folders.

    The last part stays as it is: a file that is a link is replaced under its own name.
    """
    whole = Path(os.path.abspath(path))  # noqa: PTH100 (`absolute` leaves `..` in)
    return os.path.join(os.path.realpath(whole.parent), whole.name)  # noqa: PTH118 (a glob too)
