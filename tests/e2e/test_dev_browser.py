"""What people see of `uncork dev` in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chromium import Browser, open_browser
from tests.support.dev_server import DevServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SHOP = """\
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    pieces = 41
    return PAGE


PAGE = '''<!doctype html>
<html><head><link rel="stylesheet" href="/static/shop.css"></head>
<body><h1>Shop</h1><input id="typed"></body></html>'''
"""
FAILING = SHOP.replace("return PAGE", "return pieces / 0")
NOT_PYTHON = SHOP.replace("def index():", "def index(:")


class Shop:
    """A project in a folder, and the server that serves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("shop.py", SHOP)
        self.write("static/shop.css", "h1 { color: rgb(1, 2, 3) }")
        self.server = DevServer("shop.py", directory=folder)

    @property
    def url(self) -> str:
        host, port = self.server.addresses[0]
        return f"http://{host}:{port}/"

    @property
    def pin(self) -> str:
        found = re.search(r"PIN:? +([\d-]+)", self.server.log())
        assert found, self.server.log()
        return found[1]

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    with shop.server:
        yield shop


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


def test_an_error_is_shown_its_frame_is_asked_and_the_page_mends_itself(
    shop: Shop, browser: Browser
) -> None:
    browser.open(shop.url)
    browser.wait_for_text("Shop")
    shop.write("shop.py", FAILING)
    browser.wait_for_text("ZeroDivisionError")
    browser.click("div.frame pre.current img")
    browser.type_into("input[name=pin]", shop.pin)
    browser.click("input[name=btn]")
    browser.wait_for(lambda: browser.evaluate("EVALEX_TRUSTED"), "the PIN was taken")
    browser.type_into("pre.console input", "pieces + 1\n")
    browser.wait_for_text("42")
    shop.write("shop.py", SHOP)
    browser.wait_for_text("Shop")


def test_a_syntax_error_is_shown_and_the_page_mends_itself(shop: Shop, browser: Browser) -> None:
    browser.open(shop.url)
    browser.wait_for_text("Shop")
    shop.write("shop.py", NOT_PYTHON)
    browser.wait_for_text("SyntaxError")
    assert "def index(:" in browser.text()
    shop.write("shop.py", SHOP.replace("<h1>Shop", "<h1>Mended"))
    browser.wait_for_text("Mended")


def test_a_style_sheet_is_swapped_and_the_page_stays(shop: Shop, browser: Browser) -> None:
    browser.open(shop.url)
    colour = "getComputedStyle(document.querySelector('h1')).color"
    browser.wait_for(lambda: browser.evaluate(colour) == "rgb(1, 2, 3)", "the sheet was loaded")
    browser.wait_for_text("Shop")
    browser.type_into("#typed", "still here")
    shop.write("static/shop.css", "h1 { color: rgb(4, 5, 6) }")
    browser.wait_for(lambda: browser.evaluate(colour) == "rgb(4, 5, 6)", "the sheet was swapped")
    assert browser.evaluate("document.querySelector('#typed').value") == "still here"
    assert browser.evaluate("document.querySelectorAll('link').length") == 1
