"""Turns the text that names an app into the app: by import, or by running the script itself.

One door: `with_app`. It prints nothing before the app is served; what there is to say is in the
errors that it raises, and in `LocatedApp`.
"""

from uncork.app_locator.located import AppSpec, DebugOptions, LoadAs, LocatedApp, RunOptions
from uncork.app_locator.locating import with_app

__all__ = ["AppSpec", "DebugOptions", "LoadAs", "LocatedApp", "RunOptions", "with_app"]
