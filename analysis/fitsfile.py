"""A FITS file that can be trusted: a path in, an open file with nothing missing out, or one clear line."""

import gzip
import hashlib
import os
import re
import shutil
import stat
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

from astropy.io import fits

from analysis.wholeness import BLOCK, NotWhole, cards_of, data_bytes, read_header

MAX_PIXELS: Final = 4_000_000_000
"""Largest image accepted, in pixels: 64k by 64k, several times the largest JWST mosaic."""
MAX_UNPACKED_BYTES: Final = 64_000_000_000
"""Largest size a ``.gz`` may unpack to, in bytes: four float32 planes of the largest image accepted."""
MOST_COUNTED: Final = 999
"""Most axes of an image and columns of a table (FITS standard 4.0, sections 4.4.1.1 and 7.3.1)."""
_CHUNK: Final = 1 << 20
_MAGIC: Final = ((b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "zip"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"))
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class FrameError(Exception):
    """A file that cannot be used, said in one line ``path: kind: reason``.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        A short class, such as "truncated" or "no WCS".
    reason : str
        What is wrong and, where it helps, what to do.
    """

    def __init__(self, path: Path, kind: str, reason: str) -> None:
        super().__init__(path, kind, reason)
        self.path = path
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        text = f"{self.path}: {self.kind}: {self.reason}"
        return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def open_fits(path: Path, unpack_dir: Path | None = None) -> Any:
    """Open a FITS file after checking that it is one and that nothing of it is missing.

    Pixels are never memory-mapped: a mapped file rewritten in place kills the process with SIGBUS.

    Parameters
    ----------
    path : Path
        A ``.fits`` or ``.fits.gz`` file.
    unpack_dir : Path or None
        Where a gzipped file is unpacked, once; None: a temporary folder, which is removed when Python exits.

    Returns
    -------
    astropy.io.fits.HDUList
        All headers read, no pixels read yet.

    Raises
    ------
    FrameError
        Not a regular file, empty, not FITS, packed in a way that is not read, truncated or corrupt.
    """
    packing = _packing(path)
    if packing == "gzip":
        path, given = _unpacked(path, unpack_dir), path
    elif packing:
        raise FrameError(path, "packed", f"a {packing} archive; unpack it and give the FITS file inside")
    else:
        given = path
    stream = path.open("rb")  # ours to close: astropy leaves it open when it raises
    try:
        _check_counts(stream, given, path.stat().st_size)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            hdus = fits.open(stream, memmap=False, lazy_load_hdus=False)
    except Exception as error:  # damaged headers raise a dozen classes in astropy
        stream.close()
        if isinstance(error, FrameError):
            raise
        if "SIMPLE" in str(error) or "Empty or corrupt" in str(error):
            raise FrameError(given, "not FITS", "does not begin as a FITS file") from error
        raise FrameError(given, "corrupt", f"headers cannot be read ({_first_line(error)})") from error
    try:
        _check_extents(hdus, given, path.stat().st_size, [str(item.message) for item in caught])
    except BaseException as error:
        hdus.close()
        stream.close()
        if isinstance(error, FrameError) or not isinstance(error, Exception):
            raise
        raise FrameError(given, "corrupt", f"headers cannot be read ({_first_line(error)})") from error
    return hdus


def _check_counts(stream: BinaryIO, path: Path, size: int) -> None:
    """Refuse a header that claims more axes or columns than there can be: astropy would list all of them."""
    start = number = 0
    while start < size:
        try:
            header = read_header(stream, start, number)
            cards = cards_of(header)
            for name, things in (("NAXIS", "axes"), ("TFIELDS", "columns")):
                claimed = cards.get(name, "0")
                if claimed.isdecimal() and int(claimed) > MOST_COUNTED:
                    raise FrameError(
                        path,
                        "corrupt",
                        f"HDU {number} claims {claimed[:20]} {things}; at most {MOST_COUNTED}",
                    )
            start += len(header) + -(-data_bytes(cards, number) // BLOCK) * BLOCK
        except NotWhole:
            break  # astropy says what is wrong with it
        number += 1
    stream.seek(0)


def _first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its class where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _packing(path: Path) -> str:
    """Return "" for a plain file, else the name of its packing; refuse what is no file or is empty."""
    try:
        facts = path.stat()
    except OSError as error:
        raise FrameError(path, "unreadable", error.strerror or type(error).__name__) from error
    if not stat.S_ISREG(facts.st_mode):
        raise FrameError(path, "not a file", "a folder, a pipe or a device, not a regular file")
    if facts.st_size == 0:
        raise FrameError(path, "empty", "0 bytes; download it again")
    try:
        with path.open("rb") as file:
            head = file.read(6)
    except OSError as error:
        raise FrameError(path, "unreadable", error.strerror or type(error).__name__) from error
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head != b"SIMPLE":
        raise FrameError(
            path, "not FITS", "does not begin as a FITS file; perhaps a web page or an error message"
        )
    return ""


def _unpacked(path: Path, unpack_dir: Path | None) -> Path:
    """Return the plain file of a gzipped one, unpacked once with its CRC checked to the last byte."""
    facts = path.stat()
    folder = _scratch() if unpack_dir is None else unpack_dir
    key = hashlib.sha256(f"{path.resolve()}|{facts.st_size}|{facts.st_mtime_ns}".encode()).hexdigest()[:12]
    stem = path.name.removesuffix(".gz").removesuffix(".fits")
    target = folder / f"{stem}-{key}.fits"
    if target.is_file():
        return target
    temporary = folder / f".{target.name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        limit = min(MAX_UNPACKED_BYTES, shutil.disk_usage(folder).free)
        written = 0
        with gzip.open(path, "rb") as packed, temporary.open("wb") as plain:
            while chunk := packed.read(_CHUNK):
                written += len(chunk)
                if written > limit:
                    raise FrameError(
                        path,
                        "too large",
                        f"unpacks to more than {limit} bytes, the room there is in {folder}",
                    )
                plain.write(chunk)
        temporary.replace(target)
    except EOFError as error:
        raise FrameError(path, "truncated", "the gzip stream ends early; download it again") from error
    except (gzip.BadGzipFile, OSError) as error:
        kind = "corrupt" if isinstance(error, gzip.BadGzipFile) else "unreadable"
        raise FrameError(path, kind, f"cannot be unpacked into {folder} ({_first_line(error)})") from error
    except zlib.error as error:
        raise FrameError(path, "corrupt", f"the gzip stream is damaged ({_first_line(error)})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _check_extents(hdus: Any, path: Path, size: int, said: list[str]) -> None:
    """Refuse a file whose extensions claim more bytes than it has, or whose last header is cut.

    The size on disk is compared with what each header promises, because astropy itself reads a file without
    its last bytes and says nothing.
    """
    for number, hdu in enumerate(hdus):
        if type(hdu).__name__.startswith("_"):
            raise FrameError(path, "corrupt", f"the header of HDU {number} makes no sense")
        place = hdu.fileinfo()
        shape = tuple(getattr(hdu, "shape", ()) or ())
        pixels = 1
        for length in shape:
            pixels *= int(length)
        if min(shape, default=0) < 0:
            raise FrameError(path, "corrupt", f"HDU {number} claims {shape} pixels")
        if pixels > MAX_PIXELS:
            raise FrameError(path, "too large", f"HDU {number} claims {shape} pixels")
        end = int(place["datLoc"]) + int(place["datSpan"])
        if end > size:
            raise FrameError(
                path,
                "truncated",
                f"HDU {number} ({hdu.name or 'unnamed'}) ends at byte {end}, the file at {size}",
            )
    for text in said:
        if "Error validating header" in text or "truncated" in text.lower():
            raise FrameError(
                path, "truncated", f"a header after HDU {len(hdus) - 1} is cut or damaged; download it again"
            )


_scratch_folder: list[tempfile.TemporaryDirectory[str]] = []


def _scratch() -> Path:
    """Return this process's temporary folder for unpacked files, made at first need."""
    if not _scratch_folder:
        _scratch_folder.append(tempfile.TemporaryDirectory(prefix="jwst-vet-"))
    return Path(_scratch_folder[0].name)
