import functools

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware

from uncork.cli.wrapped_apps import find_inside, inner_apps


class App:
    def __call__(self, environ, start_response):
        return self.wsgi(environ, start_response)

    def wsgi(self, environ, start_response):
        return []


def is_app(app):
    return isinstance(app, App)


def test_an_app_is_found_through_middleware():
    app = App()
    wrapped = ProxyFix(SharedDataMiddleware(ProxyFix(app), {}))
    assert find_inside(wrapped, is_app) is app


def test_an_app_is_found_through_a_method_of_it():
    app = App()
    assert find_inside(ProxyFix(app.wsgi), is_app) is app


def test_an_app_is_found_through_a_decorated_function():
    app = App()

    @functools.wraps(app, updated=())
    def wrapped(environ, start_response):
        return app(environ, start_response)

    assert find_inside(wrapped, is_app) is app


def test_the_outermost_app_is_found_first():
    app = App()
    app.wsgi = App()
    assert find_inside(app, is_app) is app


def test_a_mounted_app_is_not_what_is_wrapped():
    mounted = App()
    app = DispatcherMiddleware(lambda environ, start_response: [], {"/api": mounted})
    assert find_inside(app, is_app) is None
    assert ("/api", mounted) in [(inner.prefix, inner.app) for inner in inner_apps(app)]


def test_apps_that_paste_mounts_are_inside():
    class UrlMap(App):
        def __init__(self, mounted):
            self.applications = [((None, "/api"), mounted), (("example.com", "/x"), mounted)]

    mounted = App()
    inner = [each for each in inner_apps(UrlMap(mounted)) if each.prefix]
    assert [(each.prefix, each.app) for each in inner] == [("/api", mounted)]


def test_a_plain_function_has_nothing_inside():
    assert find_inside(lambda environ, start_response: [], is_app) is None


def test_apps_that_wrap_each_other_end():
    one, other = ProxyFix(None), ProxyFix(None)
    one.app, other.app = other, one
    assert find_inside(one, is_app) is None


def test_an_object_without_end_ends():
    class Endless:
        def __call__(self):
            return None

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return Endless()

    assert find_inside(Endless(), is_app) is None
