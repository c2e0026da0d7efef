"""Terminal graphics read back, as a terminal would: sixel and kitty bytes in, pixels out."""

import base64
import io
import re

import numpy as np
from PIL import Image

SIXEL = re.compile(r"\x1bP[\d;]*q(.*?)\x1b\\", re.DOTALL)
PLACED = re.compile(r"\x1b\[(\d+);(\d+)H(\x1bP[\d;]*q.*?\x1b\\)", re.DOTALL)
APC = re.compile(r"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\", re.DOTALL)
TMUX = re.compile(r"\x1bPtmux;((?:[^\x1b]|\x1b\x1b)*)\x1b\\", re.DOTALL)


def decode_sixel(text):
    """Decode one sixel sequence into colours (y, x, 3), 0 to 255."""
    body = SIXEL.search(text)[1]
    width, height = map(int, re.match(r'"\d+;\d+;(\d+);(\d+)', body).groups())
    pixels = np.zeros((height + 6, width, 3))
    palette, colour, x, y = {}, None, 0, 0
    for match in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])", body):
        number, red, green, blue, count, repeated, single, move = match.groups()
        if number is not None:
            if red is not None:
                palette[int(number)] = np.array([int(red), int(green), int(blue)]) * 2.55
            colour = palette[int(number)]
        elif move == "$":
            x = 0
        elif move == "-":
            x, y = 0, y + 6
        else:
            bits, run = ord(repeated or single) - 63, int(count or 1)
            for bit in range(6):
                if bits >> bit & 1:
                    pixels[y + bit, x : x + run] = colour
            x += run
    return pixels[:height]


def placed_sixels(text):
    """Give every picture that was written at a place: {(column, row): colours}; a later one replaces it."""
    return {(int(x) - 1, int(y) - 1): decode_sixel(data) for y, x, data in PLACED.findall(text)}


def unwrapped(text):
    """Take off what tmux takes off before it hands a sequence on."""
    return TMUX.sub(lambda found: found[1].replace("\x1b\x1b", "\x1b"), text)


def decode_kitty(text):
    """Give what a terminal holds after some bytes: {id: (colours (y, x, 3), columns, rows)}."""
    held, parts, head = {}, [], {}
    for keys, payload in APC.findall(text):
        fields = dict(pair.split("=", 1) for pair in keys.split(",") if "=" in pair)
        if fields.get("a") == "d":
            held.pop(int(fields["i"]), None)
            continue
        if fields.get("a") == "q":
            continue
        head = fields if "i" in fields else head
        parts = [payload] if "i" in fields else [*parts, payload]
        if fields.get("m") == "0":
            picture = Image.open(io.BytesIO(base64.b64decode("".join(parts)))).convert("RGB")
            held[int(head["i"])] = (np.asarray(picture), int(head["c"]), int(head["r"]))
    return held
