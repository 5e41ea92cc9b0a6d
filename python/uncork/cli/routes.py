"""`uncork routes`: what `flask routes` shows, for every app that can be found."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from uncork import console
from uncork.cli.app_options import app_argument, choose_app, with_chosen_app
from uncork.cli.commands import AppCommand, GroupedOption
from uncork.cli.route_listings import Listing, Route, list_routes
from uncork.cli.setting_flags import APP_SETTINGS, setting_options
from uncork.cli.table import table
from uncork.errors import UsageError

if TYPE_CHECKING:
    from uncork.app_locator import LocatedApp

_SORTS = ("endpoint", "methods", "domain", "rule", "match")

_HELP = """\
List the routes of an application.

For Flask this is the table of `flask routes`. Django, Bottle, Falcon, Pyramid and plain
Werkzeug are listed in the same way, through middleware and mounts; for any other application
it is said what cannot be known.
"""


def routes(sort: str, all_methods: bool, as_json: bool, **parameters: Any) -> None:
    """Prints the routes to stdout, and what could not be listed to stderr."""
    if sort not in _SORTS:
        words = ", ".join(f"`{word}`" for word in _SORTS)
        raise UsageError(f"bad value `{sort}` for `--sort`", hints=(f"write one of {words}",))

    def show(located: LocatedApp) -> None:
        listing = list_routes(located.app)
        rows = _rows(listing, sort, all_methods=all_methods)
        if as_json:
            console.out(_as_json(listing, rows))
        elif rows:
            console.out(table(_headers(listing), [_cells(listing, row) for row in rows]))
        elif not listing.gaps:
            console.out("No routes were registered.")
        for gap in listing.gaps:
            console.note(gap)

    with_chosen_app(choose_app(parameters), show)


def _rows(listing: Listing, sort: str, *, all_methods: bool) -> list[tuple[str, str, str, str]]:
    hidden = set() if all_methods else {"HEAD", "OPTIONS"}
    rows = [_row(route, hidden) for route in listing.routes]
    if sort == "match" or (sort == "domain" and not listing.domain_header):
        return rows
    return sorted(rows, key=itemgetter(_SORTS.index(sort)))


def _row(route: Route, hidden: set[str]) -> tuple[str, str, str, str]:
    return route.endpoint, ", ".join(sorted(route.methods - hidden)), route.domain, route.rule


def _headers(listing: Listing) -> list[str]:
    domain = [listing.domain_header] if listing.domain_header else []
    return ["Endpoint", "Methods", *domain, "Rule"]


def _cells(listing: Listing, row: tuple[str, str, str, str]) -> list[str]:
    endpoint, methods, domain, rule = row
    return [endpoint, methods, *([domain] if listing.domain_header else []), rule]


def _as_json(listing: Listing, rows: list[tuple[str, str, str, str]]) -> str:
    domain_key = (listing.domain_header or "").lower()
    routes = []
    for endpoint, methods, domain, rule in rows:
        route: dict[str, object] = {
            "endpoint": endpoint,
            "methods": methods.split(", ") if methods else [],
        }
        if domain_key:
            route[domain_key] = domain
        routes.append({**route, "rule": rule})
    return json.dumps({"routes": routes, "gaps": listing.gaps}, indent=2)


command = AppCommand(
    "routes",
    callback=routes,
    help=_HELP,
    params=[
        app_argument(),
        *setting_options(APP_SETTINGS),
        GroupedOption(
            ["-s", "--sort"],
            default="endpoint",
            metavar="WORD",
            help="What to sort by: endpoint, methods, domain, rule, or match (the order in which "
            "they are tried) [default: endpoint].",
        ),
        GroupedOption(["--all-methods"], is_flag=True, help="Show HEAD and OPTIONS too."),
        GroupedOption(["as_json", "--json"], is_flag=True, help="Show them as JSON."),
    ],
)
