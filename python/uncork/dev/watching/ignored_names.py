"""Names of folders and files that are nobody's source, wherever they lie."""

from __future__ import annotations

import re

# A folder whose name begins with a dot is none either: `.git`, `.venv`, `.tox`, `.cache`, …
_FOLDERS = frozenset(
    (
        "CVS",
        "__pycache__",
        "__pypackages__",
        "_darcs",
        "bower_components",
        "dist-packages",
        "htmlcov",
        "jspm_packages",
        "node_modules",
        "site-packages",
    )
)
# These may be packages or folders of static files as well, which then say so.
_BUILT = frozenset(("_build", "build", "dist", "target", "wheels"))
_ENVIRONMENT_FOLDERS = ("pyvenv.cfg", "conda-meta")
_TEMPORARY = re.compile(
    r"""
    .*~                     # backups of vim, Emacs and others
    | \.\#.*  | \#.*\#      # locks and autosaves of Emacs
    | .*\.sw[a-z] | \.s[a-w][a-z] | 4913    # vim
    | .*___jb_(?:tmp|old|bak)___            # JetBrains
    | \.goutputstream-.*    # GLib: gedit, GNOME's editor
    | \.DS_Store | \._.* | Thumbs\.db
    | flycheck_.* | flymake_.* | .*_flymake\..*
    | .*\.kate-swp | .*\.(?:tmp|temp|part|crdownload|bak|orig|rej)
    | sed[A-Za-z0-9]{6}
    | .*\.tmp\.\d+(?:\.[0-9a-f]+)?
    """,
    re.VERBOSE,
)
# What programs write while they run.
_DATA = re.compile(
    r".*\.(?:log(?:\.\d+)?|db3?|sqlite3?|(?:db3?|sqlite3?)-(?:journal|wal|shm)|py[cod]|pid|lock|sock)"
)


def is_ignored_folder(name: str, inside: frozenset[str], *, may_be_built: bool = False) -> bool:
    """Whether nothing in that folder is watched.

    Args:
        name: Its name.
        inside: The names of what is in it.
        may_be_built: Whether what a program has built is wanted, as it is of static files.
    """
    if is_ignored_folder_name(name):
        return True
    if any(each in inside for each in _ENVIRONMENT_FOLDERS):
        return True
    return name in _BUILT and not may_be_built and "__init__.py" not in inside


def is_ignored_folder_name(name: str) -> bool:
    """Whether the name alone says it."""
    return name.startswith(".") or name in _FOLDERS or name.endswith((".egg-info", ".dist-info"))


def is_temporary(name: str) -> bool:
    """Whether an editor or another program has made that file for a moment."""
    return _TEMPORARY.fullmatch(name) is not None


def is_data(name: str) -> bool:
    """Whether programs write such a file while they run."""
    return _DATA.fullmatch(name) is not None
