"""Nothing is named: which file is taken, and which are not."""

from __future__ import annotations

import pytest

from tests.unit.app_locator.conftest import Project
from uncork.app_locator.search import look_around
from uncork.errors import AppError

APP = "from flask import Flask\napp = Flask(__name__)\n"
RUNS = "from flask import Flask\nif __name__ == '__main__':\n    Flask('x').run()\n"


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ({"wsgi.py": "", "app.py": APP}, "wsgi.py"),
        ({"app.py": "", "main.py": APP}, "app.py"),
        ({"app/__init__.py": APP}, "app/"),
        ({"app/static.txt": "", "main.py": APP}, "main.py"),
        ({"main.py": "print('a tool')", "hello.py": APP}, "hello.py"),
        ({"main.py": RUNS}, "main.py"),
        ({"run.py": "from shop import create_app\ncreate_app().run()\n", "shop.py": ""}, "run.py"),
        ({"main.py": APP, "application.py": APP}, "main.py"),
        ({"passenger_wsgi.py": "from shop import app as application\n"}, "passenger_wsgi.py"),
        ({"start.py": "def broken(:"}, "start.py"),
        ({"shop/__init__.py": "def create_app(): ...\n", "shop/app.py": APP}, "shop/__init__.py"),
        ({"shop/__init__.py": "", "shop/wsgi.py": "application = get_wsgi_application()\n"},
         "shop/wsgi.py"),
        ({"src/shop/__init__.py": APP}, "src/shop/__init__.py"),
        ({"tests/__init__.py": APP, "shop/__init__.py": APP}, "shop/__init__.py"),
    ],
)  # fmt: skip
def test_the_first_file_that_looks_like_an_app_is_taken(
    project: Project, files: dict[str, str], taken: str
) -> None:
    for name, text in files.items():
        project.write(name, text)
    assert look_around(project.path)[0] == taken


def test_a_guess_says_that_it_is_one(project: Project) -> None:
    project.write("hello.py", APP)
    located = project.locate(None)
    assert located.name == "hello:app"
    assert "`hello.py` is the first file here that looks like an app" in located.explanation


def test_a_package_below_src_is_imported_from_there(project: Project) -> None:
    project.write("src/shop/__init__.py", "from shop.core import app\n")
    project.write("src/shop/core.py", APP)
    assert project.locate(None).name == "shop:app"


def test_several_packages_are_listed(project: Project) -> None:
    project.write("shop/__init__.py", APP)
    project.write("blog/__init__.py", APP)
    with pytest.raises(AppError) as caught:
        look_around(project.path)
    assert caught.value.cause == (
        "nothing was named, and there are `blog/__init__.py`, `shop/__init__.py`"
    )
    assert caught.value.hints == ("name the one to serve, as in `uncork serve blog/__init__.py`",)


def test_an_empty_folder_says_what_to_type(project: Project) -> None:
    with pytest.raises(AppError) as caught:
        look_around(project.path)
    assert caught.value.cause == (
        f"nothing was named, and there is no `wsgi.py` or `app.py` in `{project.path}`"
    )
    assert "uncork serve hello.py" in caught.value.hints[0]
