"""Names that are this machine's own, whatever a resolver says (RFC 6761 §6.3)."""

from __future__ import annotations

LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")


def is_localhost_name(host: str) -> bool:
    """Whether a host is a name below `localhost`, such as `shop.localhost`.

    Not `localhost` itself: every system knows that one, and may have its reasons.
    """
    return host.lower().removesuffix(".").endswith(".localhost")
