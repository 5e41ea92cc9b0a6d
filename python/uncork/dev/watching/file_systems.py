"""Which folders lie on a file system that tells nothing of changes made elsewhere.

Such are the shared folders of virtual machines and of Docker Desktop, Windows' drives in WSL,
and network file systems: what is changed on the other side, the kernel here never sees.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_SILENT = frozenset(
    (
        "9p",
        "afs",
        "ceph",
        "cifs",
        "drvfs",
        "fakeowner",
        "fuse",
        "grpcfuse",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "osxfs",
        "prl_fs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
        "wslfs",
    )
)
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class FileSystems:
    """The type of each file system, by the folder on which it is mounted."""

    types: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_this_machine(cls) -> FileSystems:
        """As they are now; nothing is known of them where there is no `/proc`."""
        if sys.platform != "linux":
            return cls()
        try:
            return cls(mounts(_MOUNTS.read_text(errors="surrogateescape")))
        except OSError:
            return cls()

    def silent_at(self, folder: str) -> str | None:
        """The type of the file system on which a folder lies, if it tells nothing of changes."""
        here = Path(folder)
        for each in (here, *here.parents):
            kind = self.types.get(str(each))
            if kind is not None:
                return kind if is_silent(kind) else None
        return None

    def begins_at(self, folder: str) -> bool:
        """Whether another file system is mounted on that folder."""
        return folder in self.types


def is_silent(kind: str) -> bool:
    """Whether such a file system does not tell of changes."""
    return kind in _SILENT or kind.startswith("fuse.")


def mounts(text: str) -> dict[str, str]:
    """What proc_pid_mountinfo(5) says: of two on one folder, the later one is seen."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) > 4 and kinds[0]:
            found[_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])] = kinds[0]
    return found
