"""Runs a script as `__main__` and serves where the script itself would: inside its run call.

The script is not unwound. Its run call blocks while uncork serves and then returns, so `with`,
`finally` and the code after it mean what they meant. Serving is for the thread that runs the
script; a run call in another thread waits until that one has nothing more to do.
"""

from __future__ import annotations

import atexit
import builtins
import enum
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NoReturn

from uncork import console
from uncork.app_locator import frames, importing, run_options
from uncork.app_locator.located import LocatedApp, RunOptions
from uncork.app_locator.patching import Patch
from uncork.app_locator.wsgi_shape import is_asgi
from uncork.errors import AppError, UncorkError

OWNER_DEADLINE_SECONDS = 10.0
"""How long the main thread may go on when another one has run an app."""
_DAEMON_SECONDS = 1.0
"""How long a script that has ended is held for its daemon threads, which Python would not do."""
_SWALLOWED_EXITS = 3
"""How often a script may catch the exit that ends it before it is ended from outside."""
# Ignored by default, used by nobody (signal(7): urgent condition on a socket), and it wakes the
# main thread out of a system call.
_WAKE_UP = signal.SIGURG


class _State(enum.Enum):
    WAITING = "no run call yet"
    SERVING = "inside a run call"
    ENDED = "serving has ended, the script may go on"


@dataclass(frozen=True)
class _Run:
    app: Any
    options: RunOptions


class _OwnerIsBusyError(BaseException):
    """Ends a script whose main thread goes on while another thread waits to be served."""


class Takeover:
    """One script, run once; the receiver of its run calls.

    Args:
        file: The script.
        why: Why it is run and not imported, for the banner.
        use: Serves the app; called in the thread that runs the script.
        has_certificate: The settings name a certificate, so the script's does not matter.
        verbose: Show tracebacks whole.
        spec: Of the module that the file is, if it is run as `python -m` would.
    """

    def __init__(  # noqa: PLR0913 (each is one thing that was asked for)
        self,
        file: Path,
        why: str,
        use: Callable[[LocatedApp], None],
        *,
        has_certificate: bool = False,
        verbose: bool = False,
        spec: ModuleSpec | None = None,
    ) -> None:
        self._name = f"`{frames.shown(file)}`"
        self._file = file
        self._why = why
        self._use = use
        self._has_certificate = has_certificate
        self._verbose = verbose
        self._module = ModuleType("__main__")
        self._spec = spec
        self._owner = threading.get_ident()
        self._process = os.getpid()
        self._threads_before = set(threading.enumerate())
        self._changed = threading.Condition()
        # Everything below is guarded by `_changed`.
        self._state = _State.WAITING
        self._parked: _Run | None = None
        self._error: BaseException | None = None
        self._late_calls = 0

    def run(self) -> None:
        """Runs the script and serves in its run call; returns when the script has ended.

        Raises:
            AppError: The script failed, or never ran an app.
        """
        code = self._compile()
        with self._as_main(), self._waking_up():
            outcome = self._execute(code)
            if outcome is None and self._error is None:
                self._serve_other_thread()
        with self._changed:
            was_served = self._state is not _State.WAITING
            self._state = _State.ENDED
            self._changed.notify_all()
        if self._error is not None:
            raise self._error
        self._conclude(outcome, was_served)

    def run_call(self, app: Any, runner: str, where: str, options: Mapping[str, object]) -> None:
        """Serves the app right here, where the script wanted a server."""
        if os.getpid() != self._process:
            self._refuse_other_process(runner, where)
        try:
            if isinstance(app, str) or is_asgi(app):  # `uvicorn.run("hello:app")`
                raise _asgi(runner, where)
            run = _Run(app, self._read_options(runner, where, options))
        except AppError as error:
            self._error = self._error or error
            if threading.get_ident() != self._owner:
                self._end_owner()
            raise
        if threading.get_ident() != self._owner:
            self._park(run)
        elif self._state is _State.WAITING and self._error is None:
            self._serve(run)
        else:
            self._pass_over(run)

    def thread_patches(self, module: ModuleType) -> Iterator[Patch]:
        """`server_thread.join()` in the main thread is where that thread's app is served."""

        def join(original: Any, thread: threading.Thread, timeout: float | None = None) -> None:
            if timeout is None and threading.get_ident() == self._owner:
                self._serve_other_thread(thread)
            original(thread, timeout)

        yield Patch(module.Thread, "join", join)

    def _compile(self) -> CodeType:
        try:
            return compile(self._file.read_bytes(), str(self._file), "exec", dont_inherit=True)
        except OSError as error:
            raise AppError(f"could not read {self._name}", cause=error.strerror) from None
        except (SyntaxError, ValueError) as error:
            raise importing.failure(
                error, self._name, "when it was read", verbose=self._verbose
            ) from None

    def _execute(self, code: CodeType) -> BaseException | None:
        try:
            exec(code, self._module.__dict__)
        except _OwnerIsBusyError:
            return None
        except BaseException as error:
            return error
        return None

    @contextmanager
    def _as_main(self) -> Iterator[None]:
        """The module is `__main__`, as `python hello.py` would have it."""
        file = str(self._file)
        vars(self._module).update(
            __file__=file,
            __builtins__=builtins,
            __loader__=SourceFileLoader("__main__", file),
            __cached__=None,
        )
        if self._spec is not None:
            self._module.__spec__ = self._spec
            self._module.__package__ = self._spec.parent
        old = sys.modules["__main__"]
        sys.modules["__main__"] = self._module
        try:
            yield
        finally:
            sys.modules["__main__"] = old

    @contextmanager
    def _waking_up(self) -> Iterator[None]:
        """Another thread can end the script, even when it waits in a system call."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def wake_up(number: int, frame: object) -> None:
            if self._error is not None:
                raise _OwnerIsBusyError

        old = signal.signal(_WAKE_UP, wake_up)
        try:
            yield
        finally:
            signal.signal(_WAKE_UP, signal.SIG_DFL if old is None else old)

    def _read_options(self, runner: str, where: str, options: Mapping[str, object]) -> RunOptions:
        if self._has_certificate:
            options = run_options.without_certificate(options)
        return run_options.collect(runner, where, options)

    def _serve(self, run: _Run) -> None:
        with self._changed:
            self._state = _State.SERVING
            other = self._parked if self._parked is not run else None
        try:
            self._use(self._located(run, other))
        except BaseException as error:
            self._error = error  # kept: the script may well catch it
            raise
        finally:
            with self._changed:
                self._state = _State.ENDED
                self._changed.notify_all()

    def _located(self, run: _Run, other: _Run | None) -> LocatedApp:
        names = [name for name, value in vars(self._module).items() if value is run.app]
        name = min(names, key=lambda name: name not in ("app", "application"), default=None)
        options = run.options
        warnings: tuple[str, ...] = ()
        if other is not None:
            warnings = (_only_one(other.options),)
        return LocatedApp(
            app=run.app,
            name=f"{self._file.stem}:{name}" if name else self._file.stem,
            origin=f"run as a script up to `{options.runner}` at `{options.where}`",
            explanation=f"ran as a script, caught at `{options.runner}`, `{options.where}`: "
            + self._why,
            run_options=options,
            warnings=warnings,
        )

    def _pass_over(self, run: _Run) -> None:
        """A run call when serving has ended: once it returns, then it ends the script.

        A loop around the run call would otherwise never end, since Ctrl-C ends only the call.
        """
        self._late_calls += 1
        if self._late_calls == 1 and self._error is None:
            console.warn(
                f"`{run.options.runner}` at `{run.options.where}` was passed over: "
                "serving has ended"
            )
            return
        if self._late_calls > _SWALLOWED_EXITS:
            self._leave()
        raise SystemExit(0)

    def _park(self, run: _Run) -> None:
        """Waits in another thread than the script's until serving has ended."""
        with self._changed:
            if self._state is _State.ENDED:
                raise SystemExit(0)  # of this thread, which would else ask again and again
            if self._parked is not None or self._state is not _State.WAITING:
                console.warn(_only_one(run.options))
            else:
                self._parked = run
                self._changed.notify_all()
            is_waited_for = self._changed.wait_for(
                lambda: self._state is not _State.WAITING, OWNER_DEADLINE_SECONDS
            )
            if not is_waited_for:
                self._error = _busy(run.options, self._name)
        if not is_waited_for:
            self._end_owner()
        with self._changed:
            self._changed.wait_for(lambda: self._state is _State.ENDED)

    def _end_owner(self) -> None:
        for _ in range(_SWALLOWED_EXITS):
            if self._owner == threading.main_thread().ident:
                signal.pthread_kill(self._owner, _WAKE_UP)
            with self._changed:
                if self._changed.wait_for(lambda: self._state is _State.ENDED, 1.0):
                    return
        self._leave()

    def _serve_other_thread(self, joined: threading.Thread | None = None) -> None:
        """Serves what another thread has run or may still run, here in the script's own.

        Args:
            joined: The thread whose end the script waits for; `None`: the script has ended, and
                Python would now wait for all of them.
        """
        others = [joined] if joined else list(set(threading.enumerate()) - self._threads_before)
        seconds = OWNER_DEADLINE_SECONDS
        if all(thread.daemon for thread in others):
            seconds = min(seconds, _DAEMON_SECONDS)
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._state is _State.WAITING and self._parked is None:
                is_late = joined is None and time.monotonic() > deadline
                if is_late or not any(thread.is_alive() for thread in others):
                    break
                self._changed.wait(0.05)  # the end of a thread notifies nobody
            run = self._parked if self._state is _State.WAITING else None
        if run is not None:
            self._serve(run)

    def _conclude(self, outcome: BaseException | None, was_served: bool) -> None:
        """Says what the end of the script means, now that it is over."""
        if isinstance(outcome, SystemExit) and outcome.code in (None, 0):
            if was_served or {"-h", "--help", "--version"} & set(sys.argv[1:]):
                return
        elif outcome is not None:
            when = "after serving had ended" if was_served else "before it ran an app"
            raise importing.failure(outcome, self._name, when, verbose=self._verbose)
        if was_served:
            return
        exited = ""
        if isinstance(outcome, SystemExit):
            exited = f" with `{importing.exit_text(outcome)}`"
            place = frames.place_of(outcome)
            exited += f", at `{place}`" if place else ""
        raise AppError(
            f"{self._name} ended{exited} and never ran an app",
            cause=f"it was run as a script, because {self._why}",
            hints=(
                "let it call `app.run()` or another server's run call at its end",
                f"or have it imported: `uncork serve --as module {frames.shown(self._file)}`",
            ),
        )

    def _refuse_other_process(self, runner: str, where: str) -> NoReturn:
        console.fail(
            AppError(
                f"`{runner}` at `{where}` was called in another process than the script's",
                cause="a process that the script starts for itself cannot be taken over",
                hints=("call it in the script's own process, or name the app: `hello:app`",),
            )
        )
        os._exit(AppError.exit_code)

    def _leave(self) -> NoReturn:
        """Ends the process under a script that catches every exit; what must be said is said."""
        if isinstance(self._error, UncorkError):
            console.fail(self._error)
        code = getattr(self._error, "exit_code", 0 if self._error is None else 1)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class PassOver:
    """The receiver while a module is imported: no run call starts a server there."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._is_imported = False

    def imported(self) -> tuple[str, ...]:
        """What was passed over so far; from now on, it is said at once."""
        self._is_imported = True
        return tuple(self.warnings)

    def run_call(self, app: Any, runner: str, where: str, options: Mapping[str, object]) -> None:
        """Notes the call, and returns as if the server had ended."""
        text = (
            f"`{runner}` at `{where}` was passed over: the module is imported; "
            'put it under `if __name__ == "__main__":`'
        )
        if self._is_imported:
            console.warn(text)
        self.warnings.append(text)


def _only_one(options: RunOptions) -> str:
    return (
        f"`{options.runner}` at `{options.where}` was passed over: "
        "one process serves one app, and another run call came first"
    )


def _asgi(runner: str, where: str) -> AppError:
    return AppError(
        f"`{runner}` at `{where}` runs an ASGI app",
        cause="uncork serves WSGI apps",
        hints=("serve it with an ASGI server, such as `uvicorn` or `hypercorn`",),
    )


def _busy(options: RunOptions, name: str) -> AppError:
    return AppError(
        f"`{options.runner}` at `{options.where}` was called in a thread, "
        f"and the main thread of {name} still runs after {OWNER_DEADLINE_SECONDS:g} s",
        cause="the app is served from the main thread, which has to come to its end or to a `join`",
        hints=(
            "let the other work run in the thread, and the app in the main one",
            "or name the app, and start that work elsewhere: `uncork serve hello:app`",
        ),
    )
