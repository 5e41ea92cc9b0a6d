import json
import sys
import types

import pytest
from flask import Blueprint, Flask
from jinja2 import ChoiceLoader, FileSystemLoader

from uncork.dev.watching import project_list, project_root, what_to_watch
from uncork.dev.watching.flask_folders import flask_folders
from uncork.dev.watching.installed import editable_folders, is_installed


@pytest.mark.parametrize("mark", ["pyproject.toml", ".git", "requirements.txt"])
def test_the_project_is_what_says_so(tmp_path, mark):
    (tmp_path / "src/pkg").mkdir(parents=True)
    (tmp_path / mark).write_text("")
    script = tmp_path / "src/pkg/app.py"
    script.write_text("")
    assert project_root(script) == tmp_path
    assert project_root(tmp_path / "src") == tmp_path


def test_without_a_mark_the_project_is_the_scripts_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a").mkdir()
    script = tmp_path / "a/hello.py"
    script.write_text("")
    assert project_root(script) == tmp_path / "a"
    listed = project_list(script)
    assert listed.roots == (str(tmp_path / "a"),)
    assert listed.files == (str(script),)


def test_a_mark_in_the_home_does_not_make_a_project_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "home/a"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    assert project_root(folder) == folder


def test_modules_from_elsewhere_are_watched_and_installed_ones_not(tmp_path, monkeypatch):
    package = tmp_path / "elsewhere/pkg"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/mod.py"):
        (package / name).write_text("")
    module = types.ModuleType("pkg.inner.mod")
    module.__file__ = str(package / "inner/mod.py")
    monkeypatch.setitem(sys.modules, "pkg.inner.mod", module)
    listed = what_to_watch(None)
    assert str(package) in listed.roots
    assert module.__file__ in listed.files
    assert not any(is_installed(path) for path in listed.files)
    assert json.__file__ not in listed.files
    assert pytest.__file__ not in listed.files


def test_files_that_an_error_names_are_watched(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")
    outer = tmp_path / "outer.py"
    outer.write_text("compile(text, name, 'exec')\n")
    try:
        exec(
            compile(outer.read_text(), str(outer), "exec"),
            {"text": broken.read_text(), "name": str(broken)},
        )
    except SyntaxError as error:
        try:
            raise ImportError from error
        except ImportError as wrapped:
            listed = what_to_watch(None, wrapped)
    assert {str(broken), str(outer)} <= set(listed.files)


def test_folders_of_an_app_its_blueprints_and_what_is_around_them_are_found(tmp_path):
    app = Flask("app", root_path=str(tmp_path), template_folder="views", static_folder="assets")
    app.register_blueprint(
        Blueprint("b", "b", root_path=str(tmp_path / "b"), template_folder="t", static_folder="s")
    )

    def middleware(environ, start_response):
        return app.wsgi_app(environ, start_response)

    found = flask_folders(middleware)
    assert found.templates == (str(tmp_path / "views"), str(tmp_path / "b/t"))
    assert found.statics == (str(tmp_path / "assets"), str(tmp_path / "b/s"))
    assert "jinja_env" not in vars(app)


def test_folders_of_an_apps_own_loader_are_found(tmp_path):
    app = Flask("app", root_path=str(tmp_path), template_folder=None, static_folder=None)
    app.jinja_loader = ChoiceLoader(
        [FileSystemLoader(str(tmp_path / "one")), FileSystemLoader([str(tmp_path / "two")])]
    )
    assert flask_folders(app.wsgi_app).templates == (str(tmp_path / "one"), str(tmp_path / "two"))


def test_files_of_the_instance_folder_are_settings(tmp_path):
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance/config.py").write_text("")
    (tmp_path / "instance/app.sqlite").write_text("")
    app = Flask("app", root_path=str(tmp_path), instance_path=str(tmp_path / "instance"))
    assert flask_folders(app).settings == (str(tmp_path / "instance/config.py"),)


def test_what_is_no_flask_has_none():
    assert flask_folders(lambda environ, start_response: []) == ((), (), ())


def test_editable_installs_are_found_in_both_ways(tmp_path, monkeypatch):
    packages = tmp_path / "site-packages"
    for name in ("one-1.0.dist-info", "two-1.0.dist-info"):
        (packages / name).mkdir(parents=True)
    for name in ("one", "two", "three x"):
        (tmp_path / name).mkdir()
    direct = {"url": f"file://{tmp_path}/one", "dir_info": {"editable": True}}
    (packages / "one-1.0.dist-info/direct_url.json").write_text(json.dumps(direct))
    not_editable = {"url": f"file://{tmp_path}/two", "dir_info": {}}
    (packages / "two-1.0.dist-info/direct_url.json").write_text(json.dumps(not_editable))
    (packages / "three.pth").write_text(f"import sys\n{tmp_path}/three x\n/nowhere\n")
    monkeypatch.setattr(sys, "path", [str(packages)])
    assert editable_folders() == (f"{tmp_path}/one", f"{tmp_path}/three x")
