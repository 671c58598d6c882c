"""A disk of a few megabytes that can be filled and emptied, as the fixture `disk`."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Disk:
    """A file system in memory, mounted on a folder."""

    folder: Path

    def resize(self, kilobytes: int) -> None:
        """Make it larger or smaller."""
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", self.folder], check=True)

    def read_only(self) -> None:
        """Let nobody write to it, root neither."""
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)

    def fill(self, leave: int = 0) -> None:
        """Take all space but so many bytes."""
        status = os.statvfs(self.folder)
        rest = status.f_bavail * status.f_frsize - leave
        with (self.folder / "ballast").open("ab", buffering=0) as file:
            while rest > 0:
                try:
                    rest -= file.write(b"\0" * min(rest, 65536))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    return

    def free(self) -> None:
        """Give the space back."""
        (self.folder / "ballast").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 16 MB. Only root can mount one; somebody else is root in a namespace of his own."""
    if os.geteuid() != 0:
        pytest.skip("it is run again by the test that makes a namespace, where we may mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", folder], check=True)
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


def in_a_namespace(command: list[str], require: Callable[[str, bool], None]) -> subprocess.CompletedProcess[str]:
    """Run the command as root of a user and mount namespace of its own: what nobody may do, he may do there."""
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    able = subprocess.run([*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False, capture_output=True)
    require("the right to mount a small disk (be root, or allow user namespaces)", able.returncode == 0)
    return subprocess.run([*namespace, *command], check=False, capture_output=True, text=True, timeout=110)
