"""A real browser, without a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from tests.support import components

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

DEADLINE_SECONDS = 30.0
Value = TypeVar("Value")


class Browser:
    """One tab of it.

    Attributes:
        driver: Selenium's.
    """

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Goes there, and returns when the page is loaded."""
        self.driver.get(url)

    def wait_for(self, condition: Callable[[], Value], what: str) -> Value:
        """What `condition()` gives, once that is true.

        Raises:
            AssertionError: It was not in time.
        """
        from selenium.common.exceptions import (
            JavascriptException,
            StaleElementReferenceException,
            TimeoutException,
        )
        from selenium.webdriver.support.ui import WebDriverWait

        # A page may go while it is asked.
        passing = (JavascriptException, StaleElementReferenceException)
        waiting = WebDriverWait(self.driver, DEADLINE_SECONDS, 0.05, passing)
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException:
            shown = self.driver.page_source[:4000]
            raise AssertionError(f"it never came to be that {what}; shown is\n{shown}") from None

    def wait_for_text(self, text: str) -> None:
        """Returns once `text` stands on the page."""
        self.wait_for(lambda: text in self.text(), f"the page had {text!r}")

    def text(self) -> str:
        """What stands on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def evaluate(self, expression: str) -> object:
        """What an expression in JavaScript gives on the page."""
        value: object = self.driver.execute_script(f"return {expression}")
        return value

    def click(self, selector: str) -> None:
        """Clicks on the last element that `selector` finds, wherever it is shown."""
        self.driver.execute_script(
            "const all = document.querySelectorAll(arguments[0]); all[all.length - 1].click()",
            selector,
        )

    def type_into(self, selector: str, text: str) -> None:
        """Types, as a person does, once there is where to."""

        def shown() -> bool:
            found = self.driver.find_elements("css selector", selector)
            return bool(found) and found[-1].is_displayed()

        self.wait_for(shown, f"{selector!r} was shown")
        self.driver.find_elements("css selector", selector)[-1].send_keys(text)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Starts the browser, with nothing of an earlier one's."""
    chromium = components.program("chromium")
    driver_program = components.program("chromedriver")
    try:
        from selenium import webdriver
    except ImportError:
        components.missing("`selenium` is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # Root has no sandbox, and a container little shared memory.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=driver_program)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
