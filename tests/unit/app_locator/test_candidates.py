"""Apps that are not Flask's: found by the same rules, where Flask would find nothing."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from tests.unit.app_locator.conftest import Project
from uncork.app_locator.wsgi_shape import is_asgi
from uncork.errors import AppError, UsageError

CALLABLE = """
    class Site:
        def __init__(self, text=b"site"):
            self.text = text
        def __call__(self, environ, start_response):
            start_response("200 OK", [("Content-Length", str(len(self.text)))])
            return [self.text]
"""


def get(app: Any) -> bytes:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": io.BytesIO()}
    return b"".join(app(environ, lambda *_: None))


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("project_wsgi:application", "application = get_wsgi_application()", "WSGIHandler"),
        ("project_wsgi:anything", "anything = get_wsgi_application()", "WSGIHandler"),
    ],
)
def test_a_django_project_is_found(project: Project, name: str, text: str, kind: str) -> None:
    project.write(
        "project_wsgi.py",
        f"""
        from django.conf import settings
        from django.core.wsgi import get_wsgi_application
        if not settings.configured:
            settings.configure(SECRET_KEY="x", ROOT_URLCONF=__name__)
        urlpatterns = []
        {text}
        """,
    )
    located = project.locate("project_wsgi.py")
    assert (located.name, type(located.app).__name__) == (name, kind)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Pyramid's, of the `cgi` module
@pytest.mark.parametrize(
    "text",
    [
        "from bottle import Bottle\nanything = Bottle()\n",
        "import bottle\napp = bottle.Bottle()\n",
        "import bottle\napp = bottle.default_app()\n",
        "import falcon\napi = falcon.App()\n",
        "from pyramid.config import Configurator\nweb = Configurator().make_wsgi_app()\n",
    ],
)
def test_an_instance_of_a_known_framework_is_found(project: Project, text: str) -> None:
    project.write("web_site.py", text)
    assert callable(project.locate("web_site").app)


def test_a_bottle_script_without_an_app_gives_the_default_app(project: Project) -> None:
    project.write(
        "plain.py",
        """
        from bottle import AppStack, default_app, route
        default_app.push()
        @route("/")
        def index():
            return "hi"
        """,
    )
    located = project.locate("plain")
    assert type(located.app).__name__ == "Bottle"
    assert "default app" in located.explanation
    assert get(located.app) == b"hi"


def test_the_one_instance_that_looks_like_an_app_is_found(project: Project) -> None:
    project.write("web.py", CALLABLE + "\n    web = Site()\n    again = web\n")
    located = project.locate("web")
    assert located.name == "web:web"
    assert get(located.app) == b"site"


def test_a_function_named_application_is_an_app(project: Project) -> None:
    project.write("web.py", "def application(env, start_response):\n    return [b'x']\n")
    assert project.locate("web").name == "web:application"


@pytest.mark.parametrize("spec", ["web", "web:app"])
def test_a_function_with_an_app_s_name_may_call_its_arguments_as_it_likes(
    project: Project, spec: str
) -> None:
    project.write("web.py", "def app(e, s):\n    return [b'x']\n")
    assert project.locate(spec).name == "web:app"


@pytest.mark.parametrize("spec", ["web", "web:app"])
def test_an_app_in_the_validator_is_an_app(project: Project, spec: str) -> None:
    project.write(
        "web.py",
        """
        from wsgiref.validate import validator
        @validator
        def app(environ, start_response):
            return []
        """,
    )
    assert project.locate(spec).name == "web:app"


def test_a_class_that_is_called_for_each_request_is_an_app(project: Project) -> None:
    project.write(
        "web.py",
        """
        class app:
            def __init__(self, environ, start_response):
                start_response("200 OK", [])
            def __iter__(self):
                yield b"per request"
        """,
    )
    assert get(project.locate("web:app").app) == b"per request"


def test_what_merely_is_callable_is_not_taken(project: Project) -> None:
    project.write(
        "web.py",
        """
        from functools import partial
        from json import dumps
        from flask import current_app, request
        class Maker:
            def __call__(self, a, b): ...
        maker = Maker()
        half = partial(dumps, 1)
        """,
    )
    with pytest.raises(AppError, match="failed to find Flask application or factory"):
        project.locate("web")


def test_several_instances_are_listed_with_their_lines(project: Project) -> None:
    project.write("web.py", CALLABLE + "\n    one = Site()\n    two = Site()\n")
    with pytest.raises(AppError) as caught:
        project.locate("web")
    assert caught.value.cause == "they are `one` (web.py:8), `two` (web.py:9)"
    assert caught.value.hints == ("use `web:name` to specify the correct one, as in `web:one`",)


def test_a_flask_app_goes_before_a_wrapper_and_says_so(project: Project) -> None:
    project.write(
        "web.py",
        """
        from flask import Flask
        from werkzeug.middleware.proxy_fix import ProxyFix
        flask_app = Flask("inner")
        app = ProxyFix(flask_app)
        """,
    )
    located = project.locate("web")
    assert located.name == "web:flask_app"
    assert "name it: `web:app`" in located.warnings[0]
    assert type(project.locate("web:app").app).__name__ == "ProxyFix"


def test_a_wrapper_of_an_imported_app_is_found(project: Project) -> None:
    project.write("core.py", "from flask import Flask\nflask_app = Flask('inner')\n")
    project.write(
        "web.py",
        """
        import core
        from werkzeug.middleware.proxy_fix import ProxyFix
        application = ProxyFix(core.flask_app)
        """,
    )
    assert project.locate("web").name == "web:application"


def test_a_factory_of_another_framework_is_called(project: Project) -> None:
    project.write("web.py", CALLABLE + "\n    def create_app():\n        return Site(b'made')\n")
    located = project.locate("web")
    assert (located.name, get(located.app)) == ("web:create_app()", b"made")


def test_an_app_of_another_framework_goes_before_a_factory_with_arguments(
    project: Project,
) -> None:
    text = (
        CALLABLE + "\n    def create_app(x):\n        return Site(x)\n    app = create_app(b'x')\n"
    )
    project.write("web.py", text)
    assert project.locate("web").name == "web:app"


@pytest.mark.parametrize("annotation", ["Flask", "'Flask'", "'flask.Flask'"])
def test_a_function_that_says_it_returns_an_app_comes_last(
    project: Project, annotation: str
) -> None:
    project.write(
        "web.py",
        f"""
        from flask import Flask
        def assemble() -> {annotation}:
            return Flask("assembled")
        """,
    )
    assert project.locate("web").name == "web:assemble()"


def test_a_dotted_attribute_is_followed(project: Project) -> None:
    project.write(
        "web.py",
        """
        from flask import Flask
        class Dash:
            server = Flask("server")
            def make(name): return Flask(name)
        dash = Dash
        """,
    )
    assert project.locate("web:dash.server").name == "web:dash.server"
    assert project.locate("web:dash.make('x')").app.name == "x"  # type: ignore[attr-defined]


def test_a_class_or_a_partial_is_called_when_the_call_is_written(project: Project) -> None:
    project.write(
        "web.py",
        CALLABLE + "\n    import functools\n    make = functools.partial(Site, b'partial')\n",
    )
    assert get(project.locate("web:Site(b'class')").app) == b"class"
    assert get(project.locate("web:make()").app) == b"partial"
    with pytest.raises(AppError) as caught:
        project.locate("web:Site")
    assert caught.value.hints == ("if it is to be called first, write so: `web:Site()`",)


ASGI = """
    class Fast:
        async def __call__(self, scope, receive, send): ...

    site = Fast()
    async def app(scope, receive, send): ...
    async def other(one, two, three): ...
    def create_app(): return app
"""


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("web", "web:app` is an ASGI app (`async def app(scope, receive, send)`)"),
        ("web:app", "web:app` is an ASGI app (`async def app(scope, receive, send)`)"),
        ("web:other", "web:other` is an ASGI app (`async def other(one, two, three)`)"),
        ("web:site", "web:site` is an ASGI app (`web.Fast`)"),
        ("web:create_app()", "web:create_app()` is an ASGI app"),
    ],
)
def test_an_asgi_app_is_named_as_such(project: Project, spec: str, kind: str) -> None:
    project.write("web.py", ASGI)
    with pytest.raises(AppError) as caught:
        project.locate(spec)
    assert caught.value.what.startswith(f"`{kind}")
    assert caught.value.cause == "uncork serves WSGI apps"


def test_an_asgi_app_of_any_name_is_named(project: Project) -> None:
    project.write("web.py", ASGI.partition("    async def app")[0])
    with pytest.raises(AppError, match="`web:site` is an ASGI app"):
        project.locate("web")


def test_an_asgi_function_is_not_called_as_a_factory(project: Project) -> None:
    project.write("web.py", ASGI)
    with pytest.raises(AppError, match="`web:app` is an ASGI app"):
        project.locate("web:app", is_factory_call=True)


def test_an_async_factory_is_not_an_asgi_app() -> None:
    async def make_app(name: str = "") -> None: ...

    assert not is_asgi(make_app)


HOLDER = """
    from flask import Flask

    class Dash:
        def __init__(self): self.server = Flask("x")
        def run(self): ...

    app = Dash()
"""


def test_an_object_that_holds_the_app_is_looked_into_for_the_hint(project: Project) -> None:
    project.write("board.py", HOLDER)
    for spec in ("board", "board:app"):
        with pytest.raises(AppError) as caught:
            project.locate(spec)
        assert "it may be `board:app.server`" in caught.value.hints
    assert project.locate("board:app.server").name == "board:app.server"


def test_the_banner_says_which_file_was_imported(project: Project) -> None:
    project.write("web.py", "from flask import Flask\napp = Flask('x')\n")
    assert project.locate("web:app").origin == "imported from `web.py`"


class TestCall:
    def test_it_calls_whatever_is_callable(self, project: Project) -> None:
        project.write("web.py", CALLABLE)
        assert project.locate("web:Site", is_factory_call=True).name == "web:Site()"

    def test_it_follows_dots(self, project: Project) -> None:
        project.write("pkg/__init__.py", "")
        project.write("pkg/web.py", CALLABLE + "\n    class make:\n        site = Site\n")
        assert project.locate("pkg.web:make.site", is_factory_call=True).name.endswith("site()")

    def test_a_factory_that_takes_environ_is_called_at_the_first_request(
        self, project: Project
    ) -> None:
        project.write(
            "web.py",
            CALLABLE
            + """
    calls = []
    def factory(environ, start_response):
        calls.append(environ)
        return Site(b"late")
    """,
        )
        app = project.locate("web:factory", is_factory_call=True).app
        calls = sys.modules["web"].calls
        assert calls == []
        assert get(app) == get(app) == b"late"
        assert len(calls) == 1

    def test_a_factory_that_is_an_app_after_all_answers(self, project: Project) -> None:
        project.write("web.py", "def app(environ, start_response):\n    return [b'itself']\n")
        app = project.locate("web:app", is_factory_call=True).app
        assert get(app) == get(app) == b"itself"

    @pytest.mark.parametrize(
        ("spec", "message"), [("web", "names a module only"), ("web:make()", "calls it too")]
    )
    def test_it_needs_a_name(self, project: Project, spec: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            project.locate(spec, is_factory_call=True, source="`--call`")

    def test_it_refuses_what_cannot_be_called(self, project: Project) -> None:
        project.write("web.py", "three = 3\n")
        with pytest.raises(AppError, match="is not callable"):
            project.locate("web:three", is_factory_call=True)

    def test_it_refuses_a_factory_that_returns_nothing(self, project: Project) -> None:
        project.write("web.py", "def make(): pass\n")
        with pytest.raises(AppError) as caught:
            project.locate("web:make", is_factory_call=True)
        assert caught.value.cause == "the factory returned nothing"
        assert caught.value.hints == ("end the factory with `return app`",)
