"""A Falcon app."""

from __future__ import annotations

import falcon


class Hello:
    def on_get(self, request: falcon.Request, response: falcon.Response, name: str) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = f"hello {name}"


class Form:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        field = file_name = ""
        size = 0
        for part in request.get_media():
            if part.filename:
                file_name, size = part.filename, len(part.stream.read())
            else:
                field = part.text
        response.content_type = falcon.MEDIA_TEXT
        response.text = f"{field} {file_name} {size}"


class Stream:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.stream = (f"line {number}\n".encode() for number in range(3))


class Fail:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        raise RuntimeError("on purpose")


app = falcon.App()
app.add_route("/hello/{name}", Hello())
app.add_route("/form", Form())
app.add_route("/stream", Stream())
app.add_route("/fail", Fail())
