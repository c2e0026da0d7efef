"""`pack` and `unpack`: a project for vetting elsewhere, in one file and out of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from analysis import config as configuration
from analysis.config import Config, Paths
from store.project import Project, StoreError
from tui.cli import DONE
from tui.text import clean

NO_FITS = (
    "this is an unpacked pack: it has no FITS files. Vet here, and take the verdicts home with "
    "`jwst-vet merge`; do the rest in the project that it was made from"
)


def pack(project: Project, config: Config, path: Path | None) -> int:
    """Write a pack and say what is in it."""
    from store.packs import write_pack

    if not project.database.exists():
        raise StoreError(f"{project.database}: nothing ranked yet, so nothing to vet; `jwst-vet run` first")
    path = path if path is not None else Path(f"{project.root.name}-pack.zip")
    if path.suffix.lower() != ".zip":
        raise StoreError(f"{path}: a pack is a .zip file; name it so")
    # Whoever unpacks it vets under a name of her own, and with the paths there are by default.
    plain = replace(config, paths=Paths(), vetting=replace(config.vetting, vetter=""))
    manifest = write_pack(project, path, configuration.as_toml(plain), config.target)
    print(
        clean(
            f"{path}: {path.stat().st_size:,} bytes, {len(manifest.parts)} files, unpacked "
            f"{manifest.bytes:,} bytes; `jwst-vet unpack {path.name}` opens it elsewhere"
        )
    )
    return DONE


def unpack(path: Path, folder: Path | None, vetter: str, most_gb: float) -> int:
    """Unpack a pack into a project folder, after saying how large it gets."""
    from store.packs import read_manifest
    from store.packs import unpack as extract

    manifest = read_manifest(path)
    folder = (folder if folder is not None else Path(path.stem)).absolute()
    print(clean(f"{path}: {len(manifest.parts)} files, {manifest.bytes:,} bytes, into {folder}"), flush=True)
    if manifest.bytes > most_gb * 1e9:
        raise StoreError(f"{path}: more than {most_gb:g} GB unpacked; --max-gb allows more")
    near = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(near).free
    if manifest.bytes * 1.1 > free:
        raise StoreError(f"{near}: {free:,} bytes free, {manifest.bytes:,} are needed; free some or use -C")
    extract(path, manifest, folder, lambda text: _own_config(text, vetter))
    config = configuration.load(folder / configuration.FILE_NAME)
    from store.database import Database
    from store.matching import indexed_book

    project = Project(folder)
    indexed_book(project, config.vetting.name(), Database(project.database))
    print(
        clean(
            f"{folder}: a pack of {manifest.target}, without FITS files. `jwst-vet -C {folder}` opens it; "
            f"verdicts go to {project.verdicts / (config.vetting.name() + '.jsonl')}; take that file home "
            "with `jwst-vet merge`"
        )
    )
    return DONE


def _own_config(path: Path, vetter: str) -> None:
    """Write the configuration anew: paths inside the folder whatever it said, and the vetter's own name."""
    config = configuration.load(path)
    config = replace(config, paths=Paths(), vetting=replace(config.vetting, vetter=vetter))
    path.write_text(configuration.as_toml(config), encoding="utf-8")
    configuration.load(path)
