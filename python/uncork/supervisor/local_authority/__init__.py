"""An authority of the user's own, for certificates on the desk that browsers believe.

Made once, kept in the user's data folder, and trusted when the user says so: `uncork trust`
prints how. It signs for names that stay on this machine or its network, and for no others.
"""

from uncork.supervisor.local_authority.authority import Authority, domains_of, kept_authority
from uncork.supervisor.local_authority.leaves import check_host, local_certificate
from uncork.supervisor.local_authority.private_folder import UnusableFolderError

__all__ = [
    "Authority",
    "UnusableFolderError",
    "check_host",
    "domains_of",
    "kept_authority",
    "local_certificate",
]
