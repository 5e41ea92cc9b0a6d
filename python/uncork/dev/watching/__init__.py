"""Watching the files of a project: a process of its own, and what the supervisor has of it."""

from uncork.dev.watching.change import Change, ChangeKind
from uncork.dev.watching.discovery import project_list, project_root, what_to_watch
from uncork.dev.watching.duty import FileWatch
from uncork.dev.watching.process import WatchOptions
from uncork.dev.watching.watch_list import WatchList

__all__ = [
    "Change",
    "ChangeKind",
    "FileWatch",
    "WatchList",
    "WatchOptions",
    "project_list",
    "project_root",
    "what_to_watch",
]
