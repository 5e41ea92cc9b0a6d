"""The cases: what is done to a project, and what is right."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.reloading.columns import Column
from benchmarks.reloading.observing import Answer, NotServed, Observed
from benchmarks.reloading.project import Project

EDITS = 7
# What is not noticed by then counts as missed.
NOTICE_SECONDS = 4.0
SLOW_NOTICE_SECONDS = 20.0
_EDITS_SECONDS = 45.0
_LOOP_SECONDS = 3.5
_FOR_OTHERS = "does not read `.env`"


@dataclass(frozen=True)
class Verdict:
    """A cell of the table.

    Args:
        text: What the server did, in a few words.
        is_right: `None`: it is not judged, or not offered.
        milliseconds: What was measured, in the order of the edits.
    """

    text: str
    is_right: bool | None = None
    milliseconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """One row.

    Args:
        key: The name on the command line and in results.
        title: What happens.
        right: What is right.
        ask: Does it to a project that is served.
        variables: What is set for the server beside.
        is_alone: Whether nothing else may run meanwhile.
    """

    key: str
    title: str
    right: str
    ask: Callable[[Observed, Project], Verdict]
    variables: dict[str, str] = field(default_factory=dict)
    is_alone: bool = False


def ask(case: Case, column: Column) -> Verdict:
    """The verdict, of a project and a server that are made for it."""
    if "dotenv" in case.key and not column.reads_dotenv:
        return Verdict(_FOR_OTHERS)
    project = Project()
    try:
        with Observed(column, project, case.variables) as server:
            return case.ask(server, project)
    except NotServed as reason:
        return Verdict(f"does not start: {reason}", is_right=False)
    finally:
        project.close()


def _edit(server: Observed, project: Project) -> Verdict:
    milliseconds: list[float] = []
    started = time.monotonic()
    missed = 0
    while len(milliseconds) + missed < EDITS and time.monotonic() - started < _EDITS_SECONDS:
        # Who looks once a second must not be met at the same moment each time.
        time.sleep(random.uniform(1.0, 2.0))
        value = project.edit()
        seconds = server.seconds_until_value(value, SLOW_NOTICE_SECONDS)
        if seconds is None:
            missed += 1
        else:
            milliseconds.append(seconds * 1000)
    if not milliseconds:
        return Verdict(f"nothing within {SLOW_NOTICE_SECONDS:g} s", is_right=False)
    text = f"{statistics.median(milliseconds):.0f} ms"
    if missed:
        text += f"; {missed} of {missed + len(milliseconds)} not within {SLOW_NOTICE_SECONDS:g} s"
    return Verdict(text, False if missed else None, milliseconds)


def _new_file(server: Observed, project: Project) -> Verdict:
    return _noticed(server, lambda: (project.folder / "added.py").write_text("ADDED = 1\n"))


def _deleted(server: Observed, project: Project) -> Verdict:
    return _noticed(server, project.helper.unlink)


def _older(server: Observed, project: Project) -> Verdict:
    _settle()
    value = project.replace_by_older()
    if server.seconds_until_value(value, NOTICE_SECONDS) is not None:
        return Verdict("reloads", is_right=True)
    return Verdict("missed: serves the old code", is_right=False)


def _dotenv(server: Observed, project: Project) -> Verdict:
    _settle()
    (project.folder / ".env").write_text("SHOP_NAME=behind it\n")
    if server.until(lambda: server.get("/environment").text == "behind it", NOTICE_SECONDS):
        return Verdict("reloads", is_right=True)
    return Verdict("missed", is_right=False)


def _dotenv_then_code(server: Observed, project: Project) -> Verdict:
    _settle()
    (project.folder / ".env").write_text("SHOP_NAME=behind it\n")
    value = project.edit()
    if server.seconds_until_value(value, SLOW_NOTICE_SECONDS) is None:
        return Verdict("the code is not reloaded", is_right=False)
    if server.until(lambda: server.get("/environment").text == "behind it", 1.0):
        return Verdict("the new value", is_right=True)
    return Verdict("still the old value", is_right=False)


def _syntax_error(server: Observed, project: Project) -> Verdict:
    return _broken(server, project, "VALUE = (\n")


def _crash(server: Observed, project: Project) -> Verdict:
    return _broken(server, project, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")


def _broken(server: Observed, project: Project, code: str) -> Verdict:
    """Code that can't be loaded is saved, and then mended."""
    _settle()
    before = server.get("/").text
    project.helper.write_text(code)
    is_noticed = server.until(lambda: server.get("/").text != before, SLOW_NOTICE_SECONDS)
    if not is_noticed and not server.has_ended:
        return Verdict("the change is not noticed", is_right=False)
    shown = _in_between(server)
    if server.has_ended:
        return Verdict("the server ends", is_right=False)
    value = project.edit()
    if server.seconds_until_value(value, SLOW_NOTICE_SECONDS) is None:
        ends = "the server ends" if server.has_ended else "does not recover"
        return Verdict(f"{shown}; {ends}", is_right=False)
    return Verdict(f"{shown}; recovers", is_right=True)


def _in_between(server: Observed) -> str:
    """What a client gets, once it has settled."""
    seen: list[Answer] = []
    server.until(lambda: _is_settled(seen, server.get("/")), NOTICE_SECONDS)
    last = seen[-1] if seen else Answer(None, "")
    if last.status is None:
        return "no connection"
    return f"answers {last.status}"


def _is_settled(seen: list[Answer], answer: Answer) -> bool:
    time.sleep(0.1)
    seen.append(answer)
    return len(seen) >= 15 and len({each.status for each in seen[-10:]}) == 1


def _in_flight(server: Observed, project: Project) -> Verdict:
    _settle()
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(server.get("/slow")))
    asking.start()
    time.sleep(0.3)  # it is in the view by then
    value = project.edit()
    has_reloaded = server.seconds_until_value(value, SLOW_NOTICE_SECONDS) is not None
    asking.join()
    if answers[0].text != "slow and whole":
        return Verdict("dropped", is_right=False)
    if not has_reloaded:
        return Verdict("finishes, and nothing is reloaded", is_right=False)
    return Verdict("finishes", is_right=True)


def _loads(server: Observed, project: Project) -> Verdict:
    _settle()
    loads = project.loads()
    words = {1: "once", 2: "twice"}
    return Verdict(words.get(loads, f"{loads} times"), loads == 1)


def _writes(server: Observed, project: Project) -> Verdict:
    _settle()
    before = project.loads()
    server.get("/write")
    time.sleep(_LOOP_SECONDS)
    reloads = project.loads() - before
    if reloads == 0:
        return Verdict("no effect", is_right=True)
    return Verdict(f"{reloads} reloads in {_LOOP_SECONDS:g} s", is_right=False)


def _noticed(server: Observed, change: Callable[[], object]) -> Verdict:
    _settle()
    before = server.get("/").text
    change()
    if server.until(lambda: server.get("/").text != before, NOTICE_SECONDS) or server.has_ended:
        return Verdict("reloads", is_right=True)
    return Verdict("missed", is_right=False)


def _settle() -> None:
    """Who looks once a second has looked at least once."""
    time.sleep(1.5)


CASES = (
    Case("edit", "a module is edited: until the answer is new", "soon", _edit, is_alone=True),
    Case("new-file", "a new `.py` file appears", "the app is loaded anew", _new_file),
    Case("deleted", "an imported module is deleted", "the app is loaded anew", _deleted),
    Case("older", "a file is replaced by an older one", "the app is loaded anew", _older),
    Case("dotenv", "`.env` is edited", "the app is loaded anew", _dotenv),
    Case("dotenv-then-code", "`.env` is edited, then the code", "the new value", _dotenv_then_code),
    Case(
        "syntax-error",
        "a syntax error is saved, then mended",
        "the server goes on, and recovers",
        _syntax_error,
    ),
    Case("in-flight", "a request runs during the reload", "it gets its answer", _in_flight),
    Case(
        "crash",
        "the process crashes as it loads, then the code is mended",
        "the server goes on, and recovers",
        _crash,
    ),
    Case("loads", "the server is started: the app's module runs", "once", _loads),
    Case(
        "writes",
        "the app writes its log and its database beside the code",
        "no effect",
        _writes,
        {"RELOADING_WRITES": "1"},
    ),
)
