import importlib.metadata
import json

import flask
import pytest
from flask.cli import FlaskGroup
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix


def plain_app(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]


def view(**values):
    return "x"


def simple():
    app = flask.Flask("simple")
    app.add_url_rule("/", "index", view)
    app.add_url_rule("/users/<int:number>", "show_user", view, methods=["GET", "POST"])
    app.add_url_rule("/about", "about", view, methods=["PUT", "DELETE"])
    return app


def with_blueprint():
    app = simple()
    blueprint = flask.Blueprint("admin", "admin", url_prefix="/admin", static_folder="s")
    blueprint.add_url_rule("/", "home", view)
    app.register_blueprint(blueprint)
    return app


def with_subdomain():
    app = flask.Flask("subdomain", subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", "index", view, subdomain="www")
    app.add_url_rule("/b", "b", view)
    return app


def with_hosts():
    app = flask.Flask("hosts", host_matching=True, static_host="static.example.com")
    app.add_url_rule("/", "index", view, host="b.example.com")
    app.add_url_rule("/", "other", view, host="a.example.com")
    return app


def without_routes():
    return flask.Flask("empty", static_folder=None)


def without_methods():
    app = simple()
    app.url_map.add(flask.Flask.url_rule_class("/any", endpoint="any"))
    return app


FLASK_APPS = (
    simple, with_blueprint, with_subdomain, with_hosts, without_routes, without_methods
)  # fmt: skip


@pytest.fixture
def flask_routes(monkeypatch):
    """What `flask routes` itself prints for an app."""
    # Plug-ins of other packages may not be importable here, and have no part in this.
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: ())

    def run_flask(app, *arguments):
        group = FlaskGroup(create_app=lambda: app, load_dotenv=False)
        ended = app.test_cli_runner().invoke(group, ["routes", *arguments])
        assert ended.exit_code == 0, ended.output
        # Flask pads the last column too.
        return "".join(f"{line.rstrip()}\n" for line in ended.output.splitlines())

    return run_flask


@pytest.mark.parametrize("make_app", FLASK_APPS)
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--all-methods"],
        *(["--sort", w] for w in ("endpoint", "methods", "domain", "rule", "match")),
    ],
    ids=" ".join,
)
def test_a_flask_app_is_listed_exactly_as_flask_lists_it(
    run, locator, flask_routes, make_app, arguments
):
    locator.app = make_app()
    ended = run("routes", *arguments)
    assert ended.out == flask_routes(make_app(), *arguments)
    assert (ended.code, ended.err) == (0, "")


def listed(run, locator, app, *arguments):
    """The rows as JSON has them, and what was said on stderr."""
    locator.app = app
    ended = run("routes", "--json", *arguments)
    assert ended.code == 0
    routes = json.loads(ended.out)["routes"]
    return [(each["endpoint"], each["methods"], each["rule"]) for each in routes], ended.err


def test_json_has_the_same_rows(run, locator):
    locator.app = with_subdomain()
    shown = json.loads(run("routes", "--json").out)
    assert shown["gaps"] == []
    assert {
        "endpoint": "index", "methods": ["GET"], "subdomain": "www", "rule": "/"
    } in shown["routes"]  # fmt: skip


def test_json_of_a_route_without_methods_has_an_empty_list(run, locator):
    rows, _ = listed(run, locator, without_methods())
    assert ("any", [], "/any") in rows


@pytest.mark.parametrize("wrap", [ProxyFix, lambda app: ProxyFix(ProxyFix(app.wsgi_app))])
def test_a_flask_app_is_listed_through_middleware(run, locator, flask_routes, wrap):
    locator.app = wrap(simple())
    assert run("routes").out == flask_routes(simple())


def test_mounted_apps_are_listed_under_their_prefix(run, locator):
    app = DispatcherMiddleware(simple(), {"/api": ProxyFix(simple()), "/raw": plain_app})
    rows, said = listed(run, locator, app)
    assert ("index", ["GET"], "/") in rows
    assert ("index", ["GET"], "/api/") in rows
    assert "note: under `/raw`: the function `" in said
    assert "plain_app` chooses by itself what to answer" in said


def test_apps_that_a_flask_app_mounts_on_itself_are_listed(run, locator):
    app = simple()
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/api": simple()})
    rows, said = listed(run, locator, app)
    assert ("about", ["DELETE", "PUT"], "/api/about") in rows
    assert len(rows) == 2 * len(list(simple().url_map.iter_rules()))
    assert said == ""


def test_a_plain_function_has_no_routes_and_it_is_said(run, locator):
    locator.app = plain_app
    ended = run("routes")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == (
        f"note: the function `{__name__}.plain_app` chooses by itself what to answer, "
        "so its routes are not known\n"
    )


def test_an_object_that_is_an_app_is_named_by_its_class(run, locator):
    class Site:
        def __call__(self, environ, start_response):
            return []

    rows, said = listed(run, locator, Site())
    assert rows == []
    assert "Site` chooses by itself" in said


def test_werkzeug_without_flask_is_listed(run, locator):
    from werkzeug.routing import Map, Rule

    class Site:
        url_map = Map([Rule("/x/<name>", endpoint="x", methods=["GET"])])

        def __call__(self, environ, start_response):
            return []

    assert listed(run, locator, Site())[0] == [("x", ["GET"], "/x/<name>")]


def test_bottle_is_listed(run, locator):
    import bottle

    mounted, app = bottle.Bottle(), bottle.Bottle()
    mounted.route("/inner", name="inner")(view)
    app.route("/hello/<name>", method=["GET", "POST"])(view)
    app.route("/any", method="ANY", name="any")(view)
    app.mount("/m/", mounted)
    app.mount("/wsgi/", plain_app)
    rows, said = listed(run, locator, app, "--sort", "match")
    name = f"{__name__}.view"
    assert rows[:3] == [
        (name, ["GET"], "/hello/<name>"),
        (name, ["POST"], "/hello/<name>"),
        ("any", ["any"], "/any"),
    ]
    assert ("inner", ["GET"], "/m/inner") in rows
    assert "under `/wsgi`" in said


def test_falcon_is_listed(run, locator, tmp_path):
    import falcon

    class Things:
        def on_get(self, req, resp):
            pass

        def on_post(self, req, resp):
            pass

    app = falcon.App()
    app.add_route("/things/{number}", Things())
    app.add_static_route("/files", str(tmp_path))
    app.add_sink(lambda req, resp: None, "/sink")
    rows, said = listed(run, locator, app)
    assert ("Things", ["GET", "POST"], "/things/{number}") in rows
    assert ("static", ["GET"], "/files/{path}") in rows
    assert any(rule.endswith("(sink)") for _, _, rule in rows)
    assert said == ""


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated", "ignore::DeprecationWarning")
def test_pyramid_is_listed(run, locator):
    from pyramid.config import Configurator

    with Configurator() as config:
        config.add_route("home", "/")
        config.add_route("thing", "/things/{number}", request_method="POST")
        config.add_view(lambda request: None, route_name="home")
        config.add_view(lambda request: None, route_name="thing")
        app = config.make_wsgi_app()
    rows, said = listed(run, locator, app)
    assert ("home", ["any"], "/") in rows
    assert ("thing", ["POST"], "/things/{number}") in rows
    assert "traversal" in said


@pytest.fixture
def django_app():
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import clear_url_caches, include, path, re_path
    from django.utils.functional import empty
    from django.views import View

    class Things(View):
        def get(self, request):
            return HttpResponse("x")

        def post(self, request):
            return HttpResponse("x")

    def home(request):
        return HttpResponse("x")

    inner = ([path("list/", home, name="list"), re_path(r"^(?P<year>\d+)/$", home)], "blog")
    urls = type("Urls", (), {"urlpatterns": [
        path("", home, name="home"),
        path("things/<int:number>/", Things.as_view()),
        path("blog/", include(inner)),
    ]})  # fmt: skip
    # Django's settings can be set once in a process; other tests may want their own.
    before, settings._wrapped = settings._wrapped, empty
    settings.configure(ROOT_URLCONF=urls, SECRET_KEY="x")
    django.setup()
    clear_url_caches()
    yield WSGIHandler()
    settings._wrapped = before
    clear_url_caches()


def test_django_is_listed(run, locator, django_app):
    rows, said = listed(run, locator, django_app, "--sort", "match")
    names = [(methods, rule) for _, methods, rule in rows]
    assert rows[0] == ("home", ["any"], "/")
    assert (["GET", "POST"], "/things/<int:number>/") in names
    assert ("blog:list", ["any"], "/blog/list/") in rows
    assert (["any"], r"/blog/(?P<year>\d+)/$") in names
    assert said == ""
