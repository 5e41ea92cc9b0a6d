from pathlib import Path

import pytest

from uncork import errors
from uncork.cli import reference
from uncork.settings import declarations

DOCS = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", reference.pages())
def test_no_page_is_stale(name):
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == reference.pages()[name], "run `make docs`"


def test_the_pages_are_written(tmp_path):
    reference.write(tmp_path / "new")
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "new").iterdir()}
    assert written == reference.pages()


def test_every_setting_is_on_its_page():
    page = reference.settings_page()
    for declaration in declarations():
        assert f"### `{declaration.name}`" in page
        assert declaration.paragraph in page


def test_every_exit_code_is_on_its_page():
    page = reference.exit_codes_page()
    for error_type in errors.UncorkError.__subclasses__():
        assert f"| {error_type.exit_code} | " in page
