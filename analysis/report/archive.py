"""A zip file whose bytes hang on its content alone: names and files in, one archive out."""

import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SUMS: Final = "SHA256SUMS"
_BEGINNING: Final = (1980, 1, 1, 0, 0, 0)


def write_archive(path: Path, top: str, members: Mapping[str, Path]) -> None:
    """Write files under one folder, in order of name, without times or owners; SHA256SUMS lists them.

    Parameters
    ----------
    path : Path
        Where the archive goes; it is written there at once, so give a draft's place.
    top : str
        The folder in it.
    members : mapping
        From names below that folder to files.
    """
    sums = []
    with zipfile.ZipFile(path, "w") as made:
        for name in sorted(members):
            with members[name].open("rb") as source, made.open(_entry(f"{top}/{name}"), "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            sums.append(f"{_sha256(members[name])}  {name}\n")
        with made.open(_entry(f"{top}/{SUMS}"), "w") as target:
            target.write("".join(sums).encode())


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=_BEGINNING)
    info.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, wherever it is written
    info.external_attr = 0o644 << 16
    return info


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
