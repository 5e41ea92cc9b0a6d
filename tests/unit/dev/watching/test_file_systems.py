import pytest

from uncork.dev.watching.file_systems import FileSystems, is_silent, mounts

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:25 / /mnt/c rw,noatime - 9p drvfs rw,aname=drvfs;path=C:\134
31 22 0:26 / /work/my\040app rw - virtiofs share rw
32 22 0:27 / /home/me/far rw - fuse.sshfs me@there: rw
33 22 8:2 / /data rw - ext4 /dev/sdb1 rw
34 22 0:28 / /data rw - nfs4 server:/data rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/work", None),
        ("/mnt/c/Users/me", "9p"),
        ("/work/my app/pkg", "virtiofs"),
        ("/work/my app2", None),
        ("/home/me/far", "fuse.sshfs"),
        ("/data/x", "nfs4"),
    ],
)
def test_the_nearest_mount_says_whether_there_are_events(folder, kind):
    assert FileSystems(mounts(MOUNTS)).silent_at(folder) == kind


def test_a_mount_is_known_where_it_begins():
    systems = FileSystems(mounts(MOUNTS))
    assert systems.begins_at("/mnt/c")
    assert not systems.begins_at("/mnt/c/Users")


@pytest.mark.parametrize("kind", ["9p", "drvfs", "vboxsf", "nfs", "cifs", "fuse.grpcfuse"])
def test_shared_folders_are_silent(kind):
    assert is_silent(kind)


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "overlay", "tmpfs", "xfs", "zfs", "fuseblk"])
def test_file_systems_of_the_machine_are_not(kind):
    assert not is_silent(kind)


def test_nothing_is_known_without_mounts():
    assert FileSystems().silent_at("/anywhere") is None
