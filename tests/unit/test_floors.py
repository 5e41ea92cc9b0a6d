"""What import-linter can't see: the native module, and what is loaded before a command runs."""

import ast
import subprocess
import sys
from pathlib import Path

import uncork

PACKAGE = Path(uncork.__file__).parent


def _imported_names(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_only_the_worker_imports_the_native_module():
    importers = {
        source.relative_to(PACKAGE).as_posix()
        for source in PACKAGE.rglob("*.py")
        if any(name.startswith("uncork._native") for name in _imported_names(source))
    }
    assert importers == {"worker.py"}


def test_only_the_console_prints():
    printers = {
        source.relative_to(PACKAGE).as_posix()
        for source in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "print"
    }
    assert printers == set()


def test_only_one_module_forks():
    forkers = {
        source.relative_to(PACKAGE).as_posix()
        for source in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("fork", "forkpty", "posix_spawn")
    }
    assert forkers == {"supervisor/forking.py"}


def test_importing_the_package_loads_nothing_else():
    code = "import sys, uncork; print([m for m in sys.modules if m.startswith('uncork')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['uncork']"


def test_a_command_for_a_running_server_loads_nothing_that_serves():
    code = (
        "import sys, uncork.cli.status, uncork.cli.top_text, uncork.supervisor.control.discovery\n"
        "heavy = ('uncork._native', 'uncork.worker', 'uncork.app_locator',\n"
        "         'uncork.supervisor.supervision', 'uncork.supervisor.scoreboard')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
