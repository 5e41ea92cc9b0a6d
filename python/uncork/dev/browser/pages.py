"""Pages of uncork's own, for people, and the same as text for programs."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem;
  color: #222; background: #fff }}
h1 {{ font-size: 1.4rem; overflow-wrap: anywhere }}
pre {{ font: 14px/1.4 ui-monospace, monospace; background: #f4f4f4; padding: 1rem;
  overflow-x: auto }}
code {{ font: 0.95em ui-monospace, monospace; background: #f4f4f4 }}
.hint::before {{ content: "→ " }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #ddd; background: #1b1b1b }} pre, code {{ background: #2a2a2a }}
}}
</style>
</head>
<body>
<h1>{heading}</h1>
{parts}
</body>
</html>
"""


@dataclass(frozen=True)
class Page:
    """What is to be said: with its cause, what is shown as it is, and what to do next.

    Literals stand in backticks, as in every message of uncork.
    """

    heading: str
    cause: str | None = None
    verbatim: str | None = None
    hints: Sequence[str] = ()

    def as_html(self) -> str:
        """For people."""
        parts = []
        if self.cause:
            parts.append(f"<p>{_marked_up(self.cause)}</p>")
        if self.verbatim:
            parts.append(f"<pre>{html.escape(self.verbatim.rstrip())}</pre>")
        parts += [f'<p class="hint">{_marked_up(hint)}</p>' for hint in self.hints]
        return _PAGE.format(
            title=html.escape(self.heading.replace("`", "")),
            heading=_marked_up(self.heading),
            parts="\n".join(parts),
        )

    def as_text(self) -> str:
        """For programs, and for people who read what these print."""
        parts = [f"{self.heading}\n"]
        if self.cause:
            parts.append(f"cause: {self.cause}\n")
        if self.verbatim:
            parts.append(f"{self.verbatim.rstrip()}\n")
        parts += [f"hint: {hint}\n" for hint in self.hints]
        return "".join(parts)


def wants_html(environ: WSGIEnvironment) -> bool:
    """Whether a person reads the answer in a browser: curl and `fetch` do not ask for HTML."""
    return "text/html" in environ.get("HTTP_ACCEPT", "").lower()


def send_error(
    page: Page, environ: WSGIEnvironment, start_response: StartResponse, exc_info: Any = None
) -> list[bytes]:
    """Answers 500 with `page`, as the client wants it."""
    is_html = wants_html(environ)
    text = page.as_html() if is_html else page.as_text()
    return send_text(
        "500 Internal Server Error", "html" if is_html else "plain", text, start_response, exc_info
    )


def send_text(
    status: str, kind: str, text: str, start_response: StartResponse, exc_info: Any = None
) -> list[bytes]:
    """Answers with `text`, of the type `text/KIND`, which nobody keeps."""
    body = text.encode("utf-8", "backslashreplace")
    headers = [
        ("Content-Type", f"text/{kind}; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if exc_info is None:
        start_response(status, headers)
    else:
        start_response(status, headers, exc_info)
    return [body]


def _marked_up(text: str) -> str:
    pieces = html.escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
