"""Which way a file is taken is decided by reading it: nothing here is ever imported."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.unit.app_locator.conftest import Project
from uncork.app_locator.main_block import Decision, decide

MODULE = "from flask import Flask\napp = Flask(__name__)\n"
MAIN = "if __name__ == '__main__':\n"


def decision(project: Project, text: str, prefers_import: bool = False) -> Decision:
    return decide(project.write("web.py", "1 / 0\n" + dedent(text)), prefers_import=prefers_import)


@pytest.mark.parametrize(
    "text",
    [
        MODULE,
        MODULE + MAIN + "    app.run()\n",
        MODULE + MAIN + "    app.run(debug=True)\n",
        "import uncork\n" + MODULE + MAIN + "    uncork.run(app, debug=True)\n",
        "from uncork import run\n" + MODULE + MAIN + "    run(app, debug=True)\n",
        MODULE + "if '__main__' == __name__:\n    app.run('0.0.0.0', 80)\n",
        MODULE + MAIN + "    serve(app, listen='*:8080')\n",
        MODULE + MAIN + "    waitress.serve(app)\n",
        MODULE + MAIN + "    socketio.run(app, port=5001)\n",
        MODULE + MAIN + "    print('nothing is run here')\n",
        "from flask import Flask\nweb = Flask(__name__)\n" + MAIN + "    web.run()\n",
        "from core import app\n" + MAIN + "    app.run()\n",
        "class My(Flask): pass\napp = My(__name__)\n" + MAIN + "    app.run()\n",
        "def create_app(): ...\n" + MAIN + "    create_app().run(port=5001)\n",
        "def create_app(): ...\n" + MAIN + "    app = create_app()\n    app.run()\n",
        "try:\n    app = Flask('x')\nexcept OSError:\n    raise\n" + MAIN + "    app.run()\n",
        "from bottle import route\n@route('/')\ndef index(): ...\n",
        "import subprocess\napp = Flask('x')\nsubprocess.run(['ls'])\n",
        "import asyncio\napp = Flask('x')\n" + MAIN + "    asyncio.run(main())\n",
        "not python (\n",
    ],
)
def test_it_is_imported_when_that_is_the_same(project: Project, text: str) -> None:
    assert decision(project, text).way == "module"


@pytest.mark.parametrize(
    "text",
    [
        MODULE + MAIN + "    create_tables()\n    app.run()\n",
        MODULE + MAIN + "    create_tables()\n    from uncork import run\n    run(app)\n",
        "from uncork import run as serve_it\n" + MODULE + "serve_it(app)\n",
        MODULE + MAIN + "    app.config['X'] = 1\n    app.run()\n",
        MODULE + MAIN + "    app.run(port=int(os.environ['PORT']))\n",
        MODULE + MAIN + "    app.run(**options)\n",
        MODULE + MAIN + "    sys.exit(app.run())\n",
        MODULE + MAIN + "    serve(ProxyFix(app))\n",
        MODULE + "other = Flask('other')\n" + MAIN + "    other.run()\n",
        MODULE + "if __name__ == '__main__' and ready:\n    app.run()\n",
        MODULE + "def main():\n    app.run()\n" + MAIN + "    main()\n",
        MODULE + "app.run()\n",
        MAIN + "    app = Flask('x')\n    app.run()\n",
        MAIN + "    from core import main\n    main()\n",
        "def main():\n    app = Flask('x')\n    app.run()\nmain()\n",
        "def create_app(x): ...\n" + MAIN + "    create_app('x').run()\n",
        MODULE + "import threading\nthreading.Thread(target=app.run).start()\n",
        MODULE + "def run_it():\n    app.run()\nthreading.Thread(target=run_it).start()\n",
        MODULE + "def go():\n    app.run()\ndef main():\n    go()\nmain()\n",
        "from bottle import route, run\nrun(host='localhost', port=8080)\n",
        "import bottle\nbottle.run()\n",
        "from dash import Dash\napp = Dash('x')\n" + MAIN + "    app.run()\n",
        "from wsgiref.simple_server import make_server\n"
        "with make_server('', 8000, hello) as server:\n    server.serve_forever()\n",
    ],
)
def test_it_is_run_when_running_it_does_more(project: Project, text: str) -> None:
    assert decision(project, text).way == "script"


def test_the_reason_names_file_and_line(project: Project) -> None:
    text = MODULE + MAIN + "    create_tables()\n    app.run()\n"
    assert decision(project, text).why == (
        "the `__main__` block of `web.py`, line 4, does more than run the app"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "from dash import Dash\napp = Dash(__name__)\n"
            "if __name__ == '__main__':\n    app.run(debug=True)\n",
            "line 4, calls `app.run()`, and only the call shows what is served",
        ),
        (
            "import os\nfrom flask import Flask\napp = Flask(__name__)\n"
            "if __name__ == '__main__':\n    app.run(port=int(os.environ['PORT']))\n",
            "line 5, computes what it gives to `app.run()`",
        ),
    ],
)
def test_a_block_that_only_runs_something_is_not_said_to_do_more(
    project: Project, text: str, why: str
) -> None:
    found = decision(project, text)
    assert (found.way, found.why) == ("script", f"the `__main__` block of `web.py`, {why}")


def test_the_options_of_a_plain_run_call_are_read(project: Project) -> None:
    call = decision(project, MODULE + MAIN + "    app.run('::1', port=80, debug=True)\n").run_call
    assert call is not None
    assert (call.runner, call.line) == ("app.run()", 5)
    assert call.positional == ("::1",)
    assert call.keywords == {"port": 80, "debug": True}


def test_where_flask_would_import_it_is_imported_and_the_block_is_reported(
    project: Project,
) -> None:
    text = MODULE + MAIN + "    create_tables()\n    app.run()\n"
    found = decision(project, text, prefers_import=True)
    assert found.way == "module"
    assert found.warnings == (
        "the `__main__` block of `web.py`, line 4, does more than run the app, and was not run; "
        "`uncork serve web.py` runs it",
    )


def test_where_flask_would_find_nothing_it_is_run(project: Project) -> None:
    text = MAIN + "    app = Flask('x')\n    app.run()\n"
    assert decision(project, text, prefers_import=True).way == "script"
