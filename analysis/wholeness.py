"""Whether a fetched file is whole: a FITS file walked to its last block, its checksums computed.

Only the standard library, a block at a time: a file of 8 GB is checked in the memory of a small one.
"""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import BinaryIO

BLOCK = 2880
_CARD = 80
_MOST_HEADER_BLOCKS = 4096
_CHUNK = BLOCK * 364  # about 1 MB, a whole number of blocks
_MODULUS = 0xFFFFFFFF
_ECSV = b"# %ECSV"
_GZIP = b"\x1f\x8b"


class NotWhole(Exception):  # noqa: N818 - the field's word for it
    """A file that is not what was asked for, in a few words."""


def check_beginning(name: str, head: bytes) -> None:
    """Check the first bytes of a file: cheap, and it finds web pages and error messages at once.

    Parameters
    ----------
    name : str
        The file's name; its ending says what the bytes should be.
    head : bytes
        The first 16 bytes or more (fewer only where the file is shorter).

    Raises
    ------
    NotWhole
        If they are not those of such a file.
    """
    if name.endswith(".fits"):
        good = head.startswith((b"SIMPLE  =", _GZIP))
    elif name.endswith(".ecsv"):
        good = head.startswith(_ECSV)
    else:
        good = not head.lstrip().startswith(b"<")
    if good:
        return
    if head.lstrip()[:1] in (b"<", b"{"):
        raise NotWhole("a web page or an error message came instead of the file")
    raise NotWhole("what came does not begin as such a file does")


def check_whole(path: Path, name: str | None = None) -> None:
    """Check a complete file to its last byte.

    A FITS file's headers are walked and each one's data size (FITS standard 4.0, section 4.4.1.1) must end
    exactly where the next begins, the last one at the end of the file. CHECKSUM and DATASUM (appendix J) are
    computed where a header has them. A gzipped one is unpacked to its end, where its CRC stands.

    Raises
    ------
    NotWhole
        With the extension and the byte where it goes wrong.
    """
    name = name or path.name
    with path.open("rb") as stream:
        head = stream.read(32)
        check_beginning(name, head)
        if head.startswith(_GZIP):
            _check_gzip(path)
        elif name.endswith(".fits"):
            size = path.stat().st_size
            _walk(stream, size)
        elif name.endswith(".ecsv"):
            stream.seek(-1, 2)
            if stream.read(1) != b"\n":
                raise NotWhole("the table ends in the middle of a line")


def _check_gzip(path: Path) -> None:
    """Unpack a gzipped FITS file to nowhere: its CRC is compared at the end of the stream only."""
    try:
        with gzip.open(path) as plain:
            check_beginning("inside.fits", plain.read(BLOCK))
            while plain.read(_CHUNK):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise NotWhole(f"the gzip stream is damaged or cut ({type(error).__name__})") from error


def _walk(stream: BinaryIO, size: int) -> None:
    """Walk every HDU of a FITS file."""
    start, number = 0, 0
    while start < size:
        header = read_header(stream, start, number)
        cards = cards_of(header)
        if number and not header.startswith(b"XTENSION"):
            raise NotWhole(f"{size - start} bytes after HDU {number - 1} are no extension")
        data = data_bytes(cards, number)
        end = start + len(header) + -(-data // BLOCK) * BLOCK
        if end > size:
            raise NotWhole(f"HDU {number} ends at byte {end}, the file at {size}")
        _check_sums(stream, header, cards, start, end, number)
        start, number = end, number + 1


def read_header(stream: BinaryIO, start: int, number: int) -> bytes:
    """Read the blocks of one header, up to and with END."""
    stream.seek(start)
    blocks = []
    for _ in range(_MOST_HEADER_BLOCKS):
        block = stream.read(BLOCK)
        if len(block) < BLOCK:
            raise NotWhole(f"the header of HDU {number} is cut")
        blocks.append(block)
        if not blocks[1:] and not block.startswith((b"SIMPLE  =", b"XTENSION")):
            break
        if any(block[at : at + 8] == b"END     " for at in range(0, BLOCK, _CARD)):
            break
    return b"".join(blocks)


def cards_of(header: bytes) -> dict[str, str]:
    """Values of a header by keyword, as text; quotes of strings taken off."""
    cards: dict[str, str] = {}
    for at in range(0, len(header), _CARD):
        card = header[at : at + _CARD].decode("latin-1")
        if card[8:10] == "= ":
            quoted = re.match(r"\s*'((?:[^']|'')*)'", card[10:])
            value = quoted[1].rstrip() if quoted else card[10:].split("/")[0].strip()
            cards.setdefault(card[:8].rstrip(), value)
    return cards


def data_bytes(cards: dict[str, str], number: int) -> int:
    """Size of an HDU's data without fill, in bytes."""
    try:
        axes = [int(cards[f"NAXIS{i + 1}"]) for i in range(int(cards["NAXIS"]))]
        bits = abs(int(cards["BITPIX"]))
        extra, groups = int(cards.get("PCOUNT", 0)), int(cards.get("GCOUNT", 1))
    except (KeyError, ValueError) as error:
        raise NotWhole(f"the header of HDU {number} does not say how large its data are") from error
    if not axes or min(axes) < 0 or extra < 0:
        return 0
    pixels = 1
    for axis in axes:
        pixels *= axis
    return bits // 8 * groups * (extra + pixels)


def _check_sums(
    stream: BinaryIO, header: bytes, cards: dict[str, str], start: int, end: int, number: int
) -> None:
    """Compare CHECKSUM and DATASUM with the bytes, where a header has them.

    A ones' complement sum of 32-bit words is the number those bytes spell, modulo 2**32 - 1.
    """
    if not cards.get("DATASUM") and not cards.get("CHECKSUM"):
        return
    stream.seek(start + len(header))
    left, total = end - start - len(header), 0
    while left:
        chunk = stream.read(min(_CHUNK, left))
        left -= len(chunk)
        total = (total + int.from_bytes(chunk, "big")) % _MODULUS
    stated = cards.get("DATASUM", "")
    if stated.isdigit() and int(stated) % _MODULUS != total:
        raise NotWhole(f"the data of HDU {number} differ from their checksum")
    if cards.get("CHECKSUM") and (total + int.from_bytes(header, "big")) % _MODULUS != 0:
        raise NotWhole(f"HDU {number} differs from its checksum")
