"""Imports the user's module where `python app.py` would, and says what went wrong when it fails.

The import root is found as Flask finds it (`flask.cli.prepare_import`): climb out of packages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from uncork.app_locator import frames
from uncork.errors import AppError, UncorkError

WHILE_IMPORTED = "while it was imported"


@dataclass(frozen=True)
class ModulePlace:
    """Where a module is imported from, and under which name."""

    typed: str
    """As the user wrote it: "hello", "hello.py", "package/"."""
    name: str
    root: Path
    """Goes to the front of `sys.path`."""

    @property
    def file(self) -> Path | None:
        """The file that the name should lead to; `None` if there is none below the root."""
        stem = self.root.joinpath(*self.name.split("."))
        candidates = (stem / "__init__.py", stem.with_name(stem.name + ".py"))
        return next((path for path in candidates if path.is_file()), None)

    @property
    def is_file(self) -> bool:
        """Whether a file or folder was named, not a module."""
        return self.typed.endswith((".py", "/", os.sep)) or Path(self.typed).is_dir()


def place_module(typed: str) -> ModulePlace:
    """The name and the root of a module that was named by a path or by a dotted name."""
    path = os.path.realpath(typed)
    stem, extension = os.path.splitext(path)  # noqa: PTH122 # `Path("pkg.mod").suffix` alike
    here = Path(stem if extension == ".py" else path)
    if here.name == "__init__":
        here = here.parent
    names = [here.name]
    root = here.parent
    while (root / "__init__.py").exists() and root != root.parent:
        names.append(root.name)
        root = root.parent
    return ModulePlace(typed, ".".join(reversed(names)), root)


@contextmanager
def started_from(root: Path, arguments: Sequence[str]) -> Iterator[None]:
    """`sys.path` and `sys.argv` are as `python app.py` would have them; both are put back."""
    old_path, old_arguments = list(sys.path), sys.argv
    if _is_command_folder(sys.path[0] if sys.path else ""):
        del sys.path[0]
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    sys.argv = list(arguments)
    try:
        yield
    finally:
        sys.path[:] = old_path
        sys.argv = old_arguments


def _is_command_folder(folder: str) -> bool:
    """Whether it holds the `uncork` command that runs; `python app.py` would not search it.

    There may be other commands in it, such as Bottle's `bottle.py`, to be taken for the library.
    """
    command = sys.argv[0] if sys.argv else ""
    is_command = bool(command) and not command.endswith(".py")
    return is_command and bool(folder) and Path(folder) == Path(command).absolute().parent


def import_module(place: ModulePlace, *, verbose: bool) -> ModuleType:
    """The imported module.

    Raises:
        AppError: There is no such module, another one has its name, or its own code failed.
    """
    try:
        __import__(place.name)
    except ImportError as error:
        # As Flask tells the two apart: a failure inside the module has more than this frame.
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            raise _not_there(place) from None
        raise failure(error, f"`{place.name}`", WHILE_IMPORTED, verbose=verbose) from None
    except ValueError as error:
        raise AppError(f"could not import `{place.typed}`", cause=str(error)) from None
    except BaseException as error:
        raise failure(error, f"`{place.name}`", WHILE_IMPORTED, verbose=verbose) from None
    module = sys.modules[place.name]
    _refuse_other_module(place, module)
    return module


def failure(error: BaseException, what: str, when: str, *, verbose: bool) -> BaseException:
    """What to raise for an exception of the user's code: an error that shows where it came from.

    Args:
        error: What the user's code raised. Ctrl-C and what uncork itself raised stay as they are.
        what: The code that failed, such as a module in backticks.
        when: What was being done with it, such as "while it was imported".
        verbose: Show the traceback whole.
    """
    if isinstance(error, (KeyboardInterrupt, UncorkError)) or frames.is_raised_by_uncork(error):
        return error
    failed = _app_error(error, what, when, verbose=verbose)
    failed.__context__ = error  # not shown, but there for a debugger
    return failed


def _app_error(error: BaseException, what: str, when: str, *, verbose: bool) -> AppError:
    place = frames.place_of(error)
    at = f" at `{place}`" if place else ""
    if isinstance(error, SystemExit):
        return AppError(
            f"{what} called `{exit_text(error)}`{at} {when}",
            hints=_hints_for_exit(error),
            details=frames.user_traceback(error, verbose=True) if verbose else None,
        )
    if isinstance(error, ImportError) and when == WHILE_IMPORTED:
        text = f"while importing {what}, an ImportError was raised{at}"
    else:
        text = f"{what} failed with `{type(error).__name__}`{at} {when}"
    details = frames.user_traceback(error, verbose=verbose)
    return AppError(text, details=details, hints=_hints_for(error))


def exit_text(error: SystemExit) -> str:
    """How the script ended itself, as it would be written: "sys.exit(2)"."""
    return "sys.exit()" if error.code is None else f"sys.exit({error.code!r})"


def _hints_for_exit(error: SystemExit) -> tuple[str, ...]:
    if not any(Path(name).stem in ("argparse", "optparse", "getopt") for name in _files_of(error)):
        return ()
    script, *given = sys.argv
    if given:  # the parser has said what it has against them
        return (f"what it takes: `uncork serve {frames.shown(script)} -- --help`",)
    return (f"arguments for the script go after `--`: `uncork serve {frames.shown(script)} -- …`",)


def _files_of(error: BaseException) -> Iterator[str]:
    place = error.__traceback__
    while place is not None:
        yield place.tb_frame.f_code.co_filename
        place = place.tb_next


def _hints_for(error: BaseException) -> tuple[str, ...]:
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        if top in sys.modules:
            return (f"there is a `{top}`, but no `{error.name}` in it: check the name",)
        return (
            f"install what provides `{top}` for this Python: `{sys.executable} -m pip install …`",
        )
    if isinstance(error, ImportError) and "relative import" in str(error):
        return ("the file is part of a package: have it imported, with `--as module`",)
    if isinstance(error, SyntaxError):
        return ("correct the line; nothing of the file runs before that",)
    return ()


def _not_there(place: ModulePlace) -> AppError:
    path = Path(place.typed)
    if place.is_file and not path.exists():
        cause = f"there is no `{path}` in `{Path.cwd()}`"
    elif path.is_file() and path.suffix != ".py":
        cause = f"`{path}` is not a Python file: its name does not end in `.py`"
    elif "." in place.typed.removesuffix(".py").lstrip("./") and path.is_file():
        return AppError(
            f"could not import `{place.name}`",
            cause=f"the dots in the name of `{path}` stand for packages when it is imported",
            hints=("rename the file, or run it as a script with `--as script`",),
        )
    else:
        cause = f"no module of that name is below `{place.root}` or installed"
    hint = "name a file or a module, as in `hello.py` or `hello:app`"
    alike = get_close_matches(path.name, _nearby(path), n=1)
    return AppError(
        f"could not import `{place.name}`",
        cause=cause,
        hints=(f"did you mean `{path.with_name(alike[0])}`?" if alike else hint,),
    )


def _nearby(path: Path) -> list[str]:
    folder = path.parent
    if not folder.is_dir():
        return []
    files = [file.name for file in folder.glob("*.py")]
    return files if path.suffix == ".py" else [Path(name).stem for name in files]


def _refuse_other_module(place: ModulePlace, module: ModuleType) -> None:
    """A file was named, but `import` found another module under its name, such as `code`."""
    expected = place.file
    actual = getattr(module, "__file__", None)
    if not place.is_file or expected is None:
        return
    if actual is not None and Path(actual).resolve() == expected.resolve():
        return
    raise AppError(
        f"`{place.typed}` cannot be imported: another module is named `{place.name}`",
        cause=f"that name leads to {f'`{actual}`' if actual else 'a module built into Python'}",
        hints=("rename the file, or run it as a script with `--as script`",),
    )
