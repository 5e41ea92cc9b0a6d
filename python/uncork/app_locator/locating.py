"""From the text that names an app to the app itself: one way for modules, one for scripts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from uncork.app_locator import (
    candidates,
    frames,
    importing,
    main_block,
    main_module,
    patching,
    run_options,
    runners,
    search,
    takeover,
)
from uncork.app_locator.located import AppSpec, LoadAs, LocatedApp, RunOptions
from uncork.app_locator.main_block import Decision
from uncork.app_locator.spec import ParsedSpec, parse_spec
from uncork.errors import AppError, UsageError


@dataclass(frozen=True)
class _Task:
    """Everything that was asked for, in one hand."""

    spec: AppSpec
    use: Callable[[LocatedApp], None]
    script_arguments: Sequence[str]
    has_certificate: bool
    verbose: bool


def with_app(  # noqa: PLR0913 # each is a setting of its own
    spec: AppSpec,
    use: Callable[[LocatedApp], None],
    *,
    load_as: LoadAs = "auto",
    script_arguments: Sequence[str] = (),
    has_certificate: bool = False,
    verbose: bool = False,
) -> None:
    """Finds the app and calls `use` with it; returns when `use` has, and the script has ended.

    A file may be run as a script. Then `use` is called from inside the script's own run call, in
    the thread that called `with_app`. Until the return, `sys.path`, `sys.argv`, `__main__` and the
    run calls of the known servers are not what they were; all of them are put back.

    Args:
        spec: What names the app.
        use: Serves the app; blocks until serving has ended. Not called when a script only
            answered `--help` or `--version`.
        load_as: Settles whether a file is imported or run.
        script_arguments: What stood after `--`; all that the user's code sees in `sys.argv`.
        has_certificate: The settings name a certificate; what the script gives does not matter.
        verbose: Show tracebacks whole.

    Raises:
        UsageError: The text cannot be read, or does not go with the other arguments.
        AppError: There is no app, several, or the user's code failed.
    """
    task = _Task(spec, use, script_arguments, has_certificate, verbose)
    how = ""
    if spec.text:
        parsed = parse_spec(spec.text, spec.source)
    else:
        path, how = search.look_around(Path.cwd())
        parsed = ParsedSpec(path, None)
    if spec.is_factory_call:
        parsed = _as_waitress(parsed, spec)
    file = _python_file(parsed)
    if load_as == "script":
        _run_named_script(parsed, task)
        return
    decision = Decision("module", "")
    if load_as == "auto" and file is not None and parsed.expression is None:
        # Flask's own ways, `FLASK_APP` and nothing at all, never run a script that has an app.
        prefers_import = "FLASK_APP" in spec.source or not spec.text
        decision = main_block.decide(file, prefers_import=prefers_import)
    if decision.way == "script":
        _run_script(file or Path(), parsed.path, how + decision.why, task)
    else:
        _import(parsed, decision, how, task)


def _import(parsed: ParsedSpec, decision: Decision, how: str, task: _Task) -> None:
    place = importing.place_module(parsed.path)
    receiver = takeover.PassOver()
    argument = parsed.path if place.is_file else str(place.file or parsed.path)
    with (
        importing.started_from(place.root, [argument, *task.script_arguments]),
        patching.patched(runners.patchers(receiver)),
    ):
        module = importing.import_module(place, verbose=task.verbose)
        try:
            found = _pick(module, parsed, task)
        except AppError as error:
            raise _with_script_hint(error, receiver, place, parsed) from None
        name = f"{place.name}:{found.expression}"
        if found.expression.startswith("bottle."):
            name = place.name
        options = None
        if decision.run_call is not None:
            options = _options_of(decision.run_call, place, task)
        why = how + decision.why
        file = getattr(module, "__file__", None)
        located = LocatedApp(
            app=found.app,
            name=name,
            origin=f"imported from `{frames.shown(file)}`" if file else "imported",
            explanation=f"imported, {found.how}" + (f"; {why}" if why else ""),
            run_options=options,
            warnings=(*receiver.imported(), *decision.warnings, *found.warnings),
        )
        task.use(located)


def _pick(module: ModuleType, parsed: ParsedSpec, task: _Task) -> candidates.Found:
    if parsed.expression is None:
        return candidates.find_in_module(module, parsed.path, verbose=task.verbose)
    find = candidates.find_by_expression
    if task.spec.is_factory_call:
        find = candidates.find_by_factory_call
    return find(module, parsed.expression, parsed.path, verbose=task.verbose)


def _run_named_script(parsed: ParsedSpec, task: _Task) -> None:
    """Runs what was named as Python would: a file, or a module as `python -m` takes it."""
    why = "`--as script` says so"
    path = Path(parsed.path)
    if parsed.expression is None and path.is_file():
        _run_script(path, parsed.path, why, task)
    elif parsed.expression is None and main_module.is_name(parsed.path):
        _run_module(parsed.path, why, task)
    else:
        raise _not_a_script(task.spec, parsed)


def _run_module(name: str, why: str, task: _Task) -> None:
    with importing.started_from(Path.cwd(), [name, *task.script_arguments]):
        spec = main_module.find(name, verbose=task.verbose)
        file = Path(spec.origin or "")
        sys.argv[0] = str(file)
        _take_over(file, why, task, spec)


def _run_script(file: Path, typed: str, why: str, task: _Task) -> None:
    with importing.started_from(file.resolve().parent, [typed, *task.script_arguments]):
        _take_over(file, why, task)


def _take_over(file: Path, why: str, task: _Task, spec: ModuleSpec | None = None) -> None:
    script = takeover.Takeover(
        Path(os.path.abspath(file)),  # noqa: PTH100 # as Python does: links are not resolved
        why,
        task.use,
        has_certificate=task.has_certificate,
        verbose=task.verbose,
        spec=spec,
    )
    table = runners.patchers(script)
    first = table["threading"]
    table["threading"] = lambda module: [*first(module), *script.thread_patches(module)]
    with patching.patched(table):
        script.run()


def _options_of(call: main_block.RunCall, place: importing.ModulePlace, task: _Task) -> RunOptions:
    where = f"{frames.shown(place.file or place.typed)}:{call.line}"
    named = dict(zip(("host", "port", "debug"), call.positional, strict=False))
    options = {**named, **call.keywords}
    if task.has_certificate:
        options = run_options.without_certificate(options)
    return run_options.collect(call.runner, where, options)


def _python_file(parsed: ParsedSpec) -> Path | None:
    path = Path(parsed.path)
    return path if path.suffix == ".py" and path.is_file() else None


def _as_waitress(parsed: ParsedSpec, spec: AppSpec) -> ParsedSpec:
    """`--call module:factory`: a name, which is then called without arguments."""
    if parsed.expression is None:
        raise UsageError(
            f"`--call` needs a factory, and {spec.source} names a module only: `{parsed.path}`",
            hints=(f"name the factory, as in `--call {parsed.path}:create_app`",),
        )
    if parsed.expression.is_call:
        raise UsageError(
            f"`--call` calls the factory itself, and {spec.source} calls it too: `{spec.text}`",
            hints=(f"leave `--call` out, or write `{parsed.path}:{parsed.expression.name}`",),
        )
    return parsed


def _not_a_script(spec: AppSpec, parsed: ParsedSpec) -> UsageError:
    text = spec.text or parsed.path
    if parsed.expression is not None:
        return UsageError(
            f"`--as script` runs a file, and `{text}` names something in a module",
            hints=(f"name the file alone: `uncork serve --as script {parsed.path}`",),
        )
    hint = f"name a file that ends in `.py`, as in `{parsed.path.removesuffix('/')}.py`"
    return UsageError(f"`--as script` runs a Python file, and `{text}` is none", hints=(hint,))


def _with_script_hint(
    error: AppError,
    receiver: takeover.PassOver,
    place: importing.ModulePlace,
    parsed: ParsedSpec,
) -> AppError:
    """A module without an app whose run call was passed over would give it as a script."""
    if place.file is None or parsed.expression is not None:
        return error
    if (
        not receiver.warnings
        and main_block.decide(place.file, prefers_import=False).way != "script"
    ):
        return error
    hint = f"to run it as a script: `uncork serve --as script {frames.shown(place.file)}`"
    return AppError(
        error.what,
        cause=receiver.warnings[0].partition(": ")[0] if receiver.warnings else error.cause,
        hints=(hint, *error.hints),
        details=error.details,
    )
