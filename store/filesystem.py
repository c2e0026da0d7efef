"""Which file system a folder is on, by the kernel's table of mounts; what network ones do not promise."""

import re
from dataclasses import dataclass
from pathlib import Path

NETWORK = frozenset(
    (
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "panfs",
        "smb3",
        "smbfs",
    )
)


@dataclass(frozen=True)
class FileSystem:
    """The file system that holds a path: its type, what is mounted, where, and whether it may be written."""

    kind: str
    source: str
    mount: str
    read_only: bool

    @property
    def warning(self) -> str:
        """Say what is not promised here; "" on a local disk."""
        if self.kind not in NETWORK:
            return ""
        return (
            f"{self.mount} is a network file system ({self.kind}, {self.source}): locks between hosts are "
            "not promised there: work on this project from one host at a time; journals keep every verdict"
        )


def file_system(path: Path, table: Path = Path("/proc/self/mountinfo")) -> FileSystem | None:
    """Find the file system of a path; None where the kernel has no such table, as on macOS."""
    if not table.exists():
        return None
    where = path.absolute().resolve()
    best: FileSystem | None = None
    for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 6 or len(kind) < 2:
            continue
        mount = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[4])
        if where.is_relative_to(mount) and (best is None or len(mount) >= len(best.mount)):
            best = FileSystem(kind[0], kind[1], mount, "ro" in fields[5].split(","))
    return best
