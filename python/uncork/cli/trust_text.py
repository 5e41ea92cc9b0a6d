"""What there is to run on each system to have it believe the local authority, or no longer."""

from __future__ import annotations

import hashlib
import platform
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from uncork.supervisor.local_authority import Authority, domains_of

_IN_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Way:
    """One way to have it believed.

    Attributes:
        by: Who believes it then.
        steps: What to run; a line that begins with `#` is for people.
        undo: What to run to take it back; empty where nothing stays.
    """

    by: str
    steps: tuple[str, ...]
    undo: tuple[str, ...] = ()


def facts_of(authority: Authority) -> dict[str, Any]:
    """What is printed, as `--json` has it."""
    path = str(authority.path)
    digest = _digest(authority.certificate)
    ways = [*_ways_of_system(path, f"uncork-{digest[:8]}", digest), *_ways_of_programs(path)]
    return {
        "certificate": path,
        "sha256": digest,
        "expires": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(authority.expires)),
        "believed_for": domains_of(),
        "ways": [
            {"believed_by": way.by, "steps": list(way.steps), "undo": list(way.undo)}
            for way in ways
        ],
    }


def described(facts: Mapping[str, Any]) -> str:
    """The same for people."""
    digest = facts["sha256"].upper()
    pairs = ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))
    lines = [
        f"certificate   {facts['certificate']}",
        f"SHA-256       {pairs}",
        f"valid until   {facts['expires'][:10]}",
        f"believed for  {', '.join(facts['believed_for'])} and names below them; private addresses",
    ]
    for way in facts["ways"]:
        lines += ["", f"{way['believed_by']}:", *(f"  {step}" for step in way["steps"])]
    undone = [(way["believed_by"], way["undo"]) for way in facts["ways"] if way["undo"]]
    if undone:
        lines += ["", "To take it back:"]
        lines += [f"  {step}" for _, steps in undone for step in steps]
    return "\n".join(lines)


def _digest(certificate: bytes) -> str:
    import binascii  # noqa: PLC0415 (beside hashlib)

    found = _IN_PEM.search(certificate)
    return hashlib.sha256(binascii.a2b_base64(found[1] if found else b"")).hexdigest()


def _ways_of_system(path: str, name: str, digest: str) -> Iterator[Way]:
    source = shlex.quote(path)
    if sys.platform == "darwin":
        keychain = "/Library/Keychains/System.keychain"
        yield Way(
            "This system (macOS), with Safari, Chrome and curl",
            (f"sudo security add-trusted-cert -d -r trustRoot -k {keychain} {source}",),
            (f"sudo security delete-certificate -Z {digest.upper()} -t {keychain}",),
        )
        return
    kinds = _kinds_of_linux()
    is_known = False
    for kind, title, folder, update, update_after in _LINUX:
        if kind in kinds:
            is_known = True
            yield _linux_way(
                f"This system ({title})", source, f"{folder}/{name}.crt", update, update_after
            )
            break
    if not is_known:
        for _, title, folder, update, update_after in _LINUX:
            yield _linux_way(title, source, f"{folder}/{name}.crt", update, update_after)


_LINUX = (
    (
        "debian",
        "Debian, Ubuntu and Alpine",
        "/usr/local/share/ca-certificates",
        "update-ca-certificates",
        "update-ca-certificates --fresh",
    ),
    (
        "fedora",
        "Fedora, RHEL and their relatives",
        "/etc/pki/ca-trust/source/anchors",
        "update-ca-trust",
        "update-ca-trust",
    ),
    (
        "suse",
        "openSUSE and SLES",
        "/etc/pki/trust/anchors",
        "update-ca-certificates",
        "update-ca-certificates",
    ),
    (
        "arch",
        "Arch Linux",
        "/etc/ca-certificates/trust-source/anchors",
        "update-ca-trust",
        "update-ca-trust",
    ),
)
_RELATIVES = {
    "ubuntu": "debian",
    "alpine": "debian",
    "rhel": "fedora",
    "centos": "fedora",
    "opensuse": "suse",
}


def _kinds_of_linux() -> set[str]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return set()
    words = [release["ID"], *release.get("ID_LIKE", "").split()]
    return {_RELATIVES.get(word, word) for word in words}


def _linux_way(by: str, source: str, target: str, update: str, update_after: str) -> Way:
    return Way(
        f"{by}, with curl and other programs of its own",
        (f"sudo cp {source} {target}", f"sudo {update}"),
        (f"sudo rm {target} && sudo {update_after}",),
    )


def _ways_of_programs(path: str) -> Iterator[Way]:
    source = shlex.quote(path)
    name = "'uncork local authority'"
    if sys.platform != "darwin":
        store = '"sql:$HOME/.pki/nssdb"'
        yield Way(
            "Chrome and Chromium (`certutil` is in libnss3-tools, nss-tools or nss)",
            (
                f'mkdir -p "$HOME/.pki/nssdb" && certutil -d {store} -A -t C,, -n {name} '
                f"-i {source}",
            ),
            (f"certutil -d {store} -D -n {name}",),
        )
    yield Way(
        "Firefox, for each profile",
        (
            "# Settings, Privacy & Security, View Certificates, Authorities, Import; or, with the",
            "# folder of the profile that `about:profiles` shows:",
            f"certutil -d sql:PROFILE -A -t C,, -n {name} -i {source}",
        ),
        (f"certutil -d sql:PROFILE -D -n {name}",),
    )
    yield Way(
        "One program, while it runs",
        (
            f"curl --cacert {source} URL",
            "# these two believe nothing else then:",
            f"SSL_CERT_FILE={source} PROGRAM        # Python's ssl, httpx, Ruby, Go",
            f"REQUESTS_CA_BUNDLE={source} PROGRAM   # requests",
            f"NODE_EXTRA_CA_CERTS={source} PROGRAM  # Node, beside all others",
        ),
    )
