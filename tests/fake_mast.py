"""A replica of the archive on loopback: its paths, its columns, its oddities, and faults to switch on.

Its answers have the shapes that the client's source reads; columns and types are those of the archive's JWST
tables. It also serves the bucket of the cloud copies below /stpubdata/.
"""

import hashlib
import json
import math
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

OBSERVATION_FIELDS = (
    ("intentType", "string"), ("obs_collection", "string"), ("provenance_name", "string"),
    ("instrument_name", "string"), ("project", "string"), ("filters", "string"),
    ("wavelength_region", "string"),
    ("target_name", "string"), ("target_classification", "string"), ("obs_id", "string"), ("s_ra", "float"),
    ("s_dec", "float"), ("dataproduct_type", "string"), ("proposal_pi", "string"), ("calib_level", "int"),
    ("t_min", "float"), ("t_max", "float"), ("t_exptime", "float"), ("em_min", "float"), ("em_max", "float"),
    ("obs_title", "string"), ("t_obs_release", "float"), ("proposal_id", "string"),
    ("proposal_type", "string"),
    ("sequence_number", "int"), ("s_region", "string"), ("jpegURL", "string"), ("dataURL", "string"),
    ("dataRights", "string"), ("mtFlag", "boolean"), ("srcDen", "float"), ("obsid", "string"),
    ("objID", "string"),
)  # fmt: skip
PRODUCT_FIELDS = (
    ("obsID", "string"), ("obs_collection", "string"), ("dataproduct_type", "string"), ("obs_id", "string"),
    ("description", "string"), ("type", "string"), ("dataURI", "string"), ("productType", "string"),
    ("productGroupDescription", "string"), ("productSubGroupDescription", "string"),
    ("productDocumentationURL", "string"), ("project", "string"), ("prvversion", "string"),
    ("proposal_id", "string"), ("productFilename", "string"), ("size", "int"), ("parent_obsid", "string"),
    ("dataRights", "string"), ("calib_level", "int"), ("filters", "string"),
)  # fmt: skip
_CONFIG_TYPES = {"string": "char", "float": "double", "int": "int", "boolean": "boolean"}
_BLOCK = 1 << 14


@dataclass
class Fault:
    """What goes wrong, where, how often (-1: for ever), with a number that the kind reads as it needs."""

    where: str
    kind: str
    times: int = 1
    at: float = 0
    name: str = ""


@dataclass
class Seen:
    """One request that came."""

    where: str
    name: str
    at: float
    range: str = ""
    headers: dict = field(default_factory=dict)


class FakeMast:
    """The replica; a context manager that serves until it is left."""

    def __init__(self):
        self.objects = {}
        self.observations = []
        self.products = {}
        self.files = {}
        self.cloud = {}
        self.faults = []
        self.seen = []
        self.sent = {}
        self.versions = {}
        self.exclusive = set()
        self.token = "a-good-token"
        self.page = 0
        self.peak = self.active = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"mast": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def observation(self, obs_id, **columns):
        """Add an observation; columns not given are those of a public NIRCam image of programme 2736."""
        obsid = str(87600000 + len(self.observations))
        row = {
            "intentType": "science", "obs_collection": "JWST", "provenance_name": "CALJWST",
            "instrument_name": "NIRCAM/IMAGE", "project": "JWST", "filters": "F277W",
            "wavelength_region": "INFRARED", "target_name": "SMACS-0723", "target_classification": None,
            "obs_id": obs_id, "s_ra": 110.8375, "s_dec": -73.4397, "dataproduct_type": "image",
            "proposal_pi": "Pontoppidan, Klaus M.", "calib_level": 3, "t_min": 59737.45, "t_max": 59737.6,
            "t_exptime": 7537.2, "em_min": 2416.0, "em_max": 3127.0, "obs_title": "an early release",
            "t_obs_release": 59773.6, "proposal_id": "2736", "proposal_type": "DD", "sequence_number": None,
            "s_region": square(110.8375, -73.4397, 0.018), "jpegURL": None, "dataURL": None,
            "dataRights": "PUBLIC", "mtFlag": False, "srcDen": None, "obsid": obsid, "objID": obsid,
        } | columns  # fmt: skip
        self.observations.append(row)
        self.products.setdefault(obsid, [])
        return row

    def product(self, row, name, data=None, *, size="true", cloud=False, **columns):
        """Add a product to an observation's list; `size` is what the list says (None: masked)."""
        uri = f"mast:JWST/product/{name}"
        if data is not None:
            self.files[uri] = data
        if cloud:
            self.cloud[cloud] = data
        if row["dataRights"] != "PUBLIC":
            self.exclusive.add(uri)
        level = 3 if "-o" in name[:10] or "-c" in name[:10] else 2
        made = {
            "obsID": row["obsid"], "obs_collection": "JWST", "dataproduct_type": row["dataproduct_type"],
            "obs_id": name.rpartition("_")[0], "description": "a product", "type": "S", "dataURI": uri,
            "productType": "SCIENCE", "productGroupDescription": "Minimum Recommended Products",
            "productSubGroupDescription": name.split(".")[0].rpartition("_")[2].upper(),
            "productDocumentationURL": None, "project": "CALJWST", "prvversion": None,
            "proposal_id": row["proposal_id"], "productFilename": name,
            "size": len(data) if size == "true" else size, "parent_obsid": row["obsid"],
            "dataRights": row["dataRights"], "calib_level": level, "filters": row["filters"],
        } | columns  # fmt: skip
        self.products[row["obsid"]].append(made)
        return made

    def fault(self, where, kind, *, times=1, at=0, name=""):
        """Switch a fault on."""
        self.faults.append(Fault(where, kind, times, at, name))

    def take(self, where, name):
        """Return the fault that strikes now, if any, and count it."""
        with self.lock:
            for fault in self.faults:
                if fault.where == where and fault.name in ("", name) and fault.times:
                    fault.times -= 1
                    return fault
        return None

    def count(self, *wheres):
        """How many requests came to these places."""
        return sum(seen.where in wheres for seen in self.seen)

    def forget(self):
        """Forget the requests and the bytes so far."""
        self.seen.clear()
        self.sent.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mast: FakeMast

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path.startswith("/portal/Mashup/Mashup.asmx/columnsconfig"):
            return self._answer("columnsconfig", body.partition("=")[2], self._columns)
        if self.path.startswith("/api/v0/invoke"):
            request = json.loads(unquote(body.partition("=")[2]))
            where = "products" if request["service"].endswith("Products") else "observations"
            return self._answer(where, str(request["params"].get("obsid", "")), lambda: self._rows(request))
        return self._send(404, b"no such page")

    def do_GET(self):
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if parts.path == "/Santa-war/query":
            name = query["name"][0]
            return self._answer("resolver", name, lambda: self._resolved(name))
        if parts.path == "/whoami":
            return self._answer("whoami", "", lambda: {"anon": not self._known(), "attributes": {}})
        if parts.path.startswith("/api/v0.1/path_lookup"):
            return self._answer("path_lookup", "", lambda: {uri: {"path": None} for uri in query["uri"]})
        if parts.path == "/api/v0.1/Download/file":
            uri = query["uri"][0]
            return self._file("file", uri, self.mast.files.get(uri))
        if parts.path.startswith("/stpubdata/"):
            key = parts.path.removeprefix("/stpubdata/")
            return self._file("cloud", key, self.mast.cloud.get(key))
        return self._send(404, b"no such page")

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def _known(self):
        return f"mast_token={self.mast.token}" in self.headers.get("Cookie", "")

    def _resolved(self, name):
        found = self.mast.objects.get(name.lower())
        if found is None:
            return {"resolvedCoordinate": [], "status": ""}
        row = {"searchString": name.lower(), "resolver": "SIMBAD", "cached": True, "canonicalName": name}
        return {"resolvedCoordinate": [row | {"ra": found[0], "decl": found[1]}], "status": ""}

    @staticmethod
    def _columns():
        made = {"_selected_": {"text": "selected", "type": "boolean"}}
        for name, kind in (*OBSERVATION_FIELDS, *PRODUCT_FIELDS):
            made[name] = {"text": name, "vot.datatype": _CONFIG_TYPES[kind], "vot.name": name}
        made["obs_collection"]["separator"] = ";"
        return made

    def _rows(self, request):
        params = request["params"]
        if request["service"].endswith("Products"):
            fields = PRODUCT_FIELDS
            rows = [row for one in params["obsid"].split(",") for row in self.mast.products.get(one, [])]
        else:
            fields = OBSERVATION_FIELDS
            ra, dec, radius = (float(x) for x in params["position"].split(","))
            rows = [row for row in self.mast.observations if _apart(row, ra, dec) <= radius + 0.02]
        return _reply(rows, fields, request["page"], self.mast.page or request["pagesize"])

    def _answer(self, where, name, make):
        self._note(where, name)
        fault = self.mast.take(where, name)
        if fault is None:
            return self._json(make())
        answers = {
            "html": lambda: self._send(200, b"<html>maintenance</html>", kind="text/html"),
            "badjson": lambda: self._send(200, b'{"status": "COMPLETE", "data": [{'),
            "error": lambda: self._json({"status": "ERROR", "msg": "the query was too long"}),
            "executing": lambda: self._json({"status": "EXECUTING", "msg": "", "data": [], "fields": []}),
            "stall": lambda: self.mast.closing.wait(60),
            "close": self._reset,
            "status": lambda: self._send(int(fault.at), b"busy"),
            "empty": lambda: self._json(_reply([], (), 1, 10)),
        }
        if fault.kind in answers:
            return answers[fault.kind]()
        if fault.kind == "cut":
            whole = json.dumps(make()).encode()
            return self._send(200, whole, upto=len(whole) // 2)
        return self._json(_changed(make(), fault))

    def _file(self, where, key, data):
        name = key.rpartition("/")[2]
        self._note("head" if self.command == "HEAD" else where, name)
        if data is None:
            return self._send(404, b"<?xml?><Error><Code>NoSuchKey</Code></Error>")
        if key in self.mast.exclusive and not self._known():
            return self._send(401, b"Unauthorized")
        fault = self.mast.take("head" if self.command == "HEAD" else where, name)
        with self.mast.lock:
            self.mast.active += self.command == "GET"
            self.mast.peak = max(self.mast.peak, self.mast.active)
        try:
            return self._bytes(name, data, fault)
        finally:
            with self.mast.lock:
                self.mast.active -= self.command == "GET"

    def _bytes(self, name, data, fault):
        kind = fault.kind if fault else ""
        if kind == "status":
            return self._send(int(fault.at), b"busy")
        if kind == "later":
            return self._send(429, b"slow down", extra={"Retry-After": f"{fault.at:g}"})
        if kind == "html":
            return self._send(200, b"<html>log in</html>", kind="text/html")
        if kind == "quiet html":
            data = (b"<html>log in</html>" * (len(data) // 19 + 1))[: len(data)]
        if kind == "short":
            data = data[: len(data) // 2 // 2880 * 2880]
        if kind == "empty":
            data = b""
        if kind == "garbage":
            data = data[:2880] + hashlib.sha256(data).digest() * (len(data) // 32)
            data = data[: len(self.mast.files[f"mast:JWST/product/{name}"])]
        if kind == "flip":
            data = data[: int(fault.at)] + bytes([data[int(fault.at)] ^ 1]) + data[int(fault.at) + 1 :]
        if kind == "longer":
            data += b"\0" * 2880
        if kind == "silent":
            return self.mast.closing.wait(60)
        if kind == "close":
            return self._reset()
        if kind == "slow":
            self.mast.closing.wait(fault.at)
        if kind == "new version":
            with self.mast.lock:
                self.mast.versions[name] = self.mast.versions.get(name, 0) + 1
        return self._range(name, data, fault)

    def _range(self, name, data, fault):
        kind, at = (fault.kind, int(fault.at)) if fault else ("", 0)
        etag = f'"{hashlib.md5(data).hexdigest()}-{self.mast.versions.get(name, 0)}"'
        asked, start, code, extra = self.headers.get("Range", ""), 0, 200, {"ETag": etag}
        fresh = self.headers.get("If-Range", etag) == etag
        if asked.startswith("bytes=") and fresh and kind != "no range":
            start = int(asked[6:].split("-")[0])
            if start >= len(data):
                return self._send(416, b"", extra={"Content-Range": f"bytes */{len(data)}"})
            code, extra = 206, extra | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        body = data[start:]
        upto = max(at - start, 0) if kind in ("cut", "reset", "stall", "drip") else len(body)
        self.mast.sent.setdefault(name, 0)
        return self._send(code, body, kind="application/fits", extra=extra, upto=upto, name=name, fault=kind)

    def _json(self, value):
        return self._send(200, json.dumps(value).encode())

    def _send(self, code, body, *, kind="application/json", extra=None, upto=None, name="", fault=""):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        chunked = fault == "chunked"
        self.send_header(
            *(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body))))
        )
        for key, value in (extra or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        limit = len(body) if upto is None else min(upto, len(body))
        try:
            for at in range(0, limit, _BLOCK):
                block = body[at : min(at + _BLOCK, limit)]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
                if name:
                    with self.mast.lock:
                        self.mast.sent[name] += len(block)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
            return
        if limit < len(body):
            self._break(fault, iter(body[limit:]))

    def _break(self, fault, rest):
        """End an answer early, in the way of the fault."""
        if fault == "stall":
            self.mast.closing.wait(60)
        while fault == "drip" and not self.mast.closing.wait(0.02):
            try:
                self.wfile.write(bytes([next(rest)]))
            except (OSError, StopIteration):
                break
        if fault == "reset":
            self._reset()
        else:
            self.close_connection = True

    def _reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.wfile = self.rfile = Path("/dev/null").open("r+b", buffering=0)  # noqa: SIM115 - closed by the base class

    def _note(self, where, name):
        with self.mast.lock:
            headers = dict(self.headers.items())
            self.mast.seen.append(Seen(where, name, time.monotonic(), self.headers.get("Range", ""), headers))


def _reply(rows, fields, page, size):
    pages = max(1, math.ceil(len(rows) / size))
    columns = [*fields, ("_selected_", "boolean")]
    part = rows[(page - 1) * size : page * size]
    return {
        "status": "COMPLETE",
        "msg": "",
        "data": part,
        "fields": [{"name": name, "type": kind} for name, kind in columns],
        "paging": {
            "page": page, "pageSize": size, "pagesFiltered": pages, "rows": len(part),
            "rowsFiltered": len(rows), "rowsTotal": len(rows),
        },
    }  # fmt: skip


def _changed(reply, fault):
    """A reply with a column renamed, dropped or added, or with fewer rows than it says."""
    if fault.kind == "short rows":
        reply["data"] = reply["data"][:-1]
        return reply
    old, _, new = fault.kind.removeprefix("column ").partition("=")
    fields, rows = reply["fields"], reply["data"]
    if not old:
        fields.append({"name": new, "type": "string"})
    for row in rows:
        value = row.pop(old, "something")
        if new:
            row[new] = value
    for entry in list(fields):
        if entry["name"] == old:
            entry["name"] = new
            if not new:
                fields.remove(entry)
    return reply


def _apart(row, ra, dec):
    cos = math.cos(math.radians(dec))
    return math.hypot((row["s_ra"] - ra) * cos, row["s_dec"] - dec)


def square(ra, dec, half):
    """The s_region of a square of half a side `half` degrees."""
    wide = half / math.cos(math.radians(dec))
    corners = ((-wide, -half), (wide, -half), (wide, half), (-wide, half), (-wide, -half))
    return "POLYGON ICRS " + " ".join(f"{ra + x:.8f} {dec + y:.8f}" for x, y in corners)


def small_fits(seed=0, size=64, checksum=False):
    """The bytes of a small FITS file with the extensions of an i2d product."""
    import io

    import numpy as np
    from astropy.io import fits

    rng = np.random.default_rng(seed)
    planes = [
        fits.ImageHDU(rng.normal(size=(size, size)).astype("f4"), name=name) for name in ("SCI", "ERR", "WHT")
    ]
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *planes]).writeto(stream, checksum=checksum)
    return stream.getvalue()
