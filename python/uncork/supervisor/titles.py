"""The titles of uncork's own processes."""

from __future__ import annotations

from uncork.settings import OnceProcess
from uncork.supervisor.forking import Post
from uncork.supervisor.process_title import set_process_title


def show_supervisor(app: str | None) -> None:
    """Has this process shown as the supervisor; `None`: the app is not known yet."""
    set_process_title(f"uncork: supervisor {app or ''}".rstrip(), "uncork")


def show_worker(post: Post, app: str | None) -> None:
    """Has this process shown as a worker."""
    title = f"uncork: worker {post.index + 1} {app or ''}".rstrip()
    set_process_title(f"{title} (generation {post.generation})", "uncork-worker")


def show_template(post: Post, app: str) -> None:
    """Has this process shown as the template of its generation."""
    title = f"uncork: template {app} (generation {post.generation})"
    set_process_title(title, "uncork-template")


def show_admin(app: str) -> None:
    """Has this process shown as the one that answers for health and metrics."""
    set_process_title(f"uncork: admin {app}".rstrip(), "uncork-admin")


def show_once(process: OnceProcess) -> None:
    """Has this process shown as one that runs once beside the workers."""
    set_process_title(f"uncork: once {process.name}", "uncork-once")
