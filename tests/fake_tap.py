"""A replica of table access services on loopback, with the faults that real ones have."""

import html
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from analysis.footprints import separation_deg

_TYPES = {str: 'datatype="char" arraysize="*"', float: 'datatype="double"', int: 'datatype="long"'}


def votable(names, rows, status="OK", text=""):
    """The bytes of a VOTable as TAP services write it."""
    kinds = [type(next((r[i] for r in rows if r[i] is not None), 0.0)) for i in range(len(names))]
    fields = "".join(f'<FIELD name="{n}" {_TYPES[k]}/>' for n, k in zip(names, kinds, strict=True))
    cells = "".join(
        "<TR>" + "".join(f"<TD>{'' if v is None else html.escape(str(v))}</TD>" for v in row) + "</TR>"
        for row in rows
    )
    head = '<INFO name="QUERY_STATUS" value="OK"/>' if status == "OVERFLOW" else ""
    tail = f'<INFO name="QUERY_STATUS" value="{status}">{text}</INFO>'
    body = f"<TABLE>{fields}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE>" if status != "ERROR" else ""
    return (
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f'<RESOURCE type="results">{head}{body if head else ""}{tail}{"" if head else body}'
        "</RESOURCE></VOTABLE>"
    ).encode()


class FakeTap:
    """Serves /simbad, /gaia, /ned, /vizier (TAP) and /sso; `faults` maps a service to what goes wrong.

    `missing` are tables that it does not have; with `most` it keeps to the circle and gives so many rows.
    """

    def __init__(self):
        self.rows = {"simbad": [], "gaia": [], "ned": [], "vizier": [], "sso": []}
        self.faults = {}
        self.missing = set()
        self.most = None
        self.asked = []
        self.closing = threading.Event()

    def __enter__(self):
        fake = self

        class Handler(_Handler):
            tap = fake

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def variable(self):
        """What JWST_VET_TAP_URLS must be to ask this replica."""
        names = ("simbad", "gaia", "ned", "vizier", "sso")
        return ",".join(f"{name}={self.url}/{name}" for name in names)


COLUMNS = {
    "simbad": ("main_id", "ra", "dec", "otype", "coo_err_maj", "pmra", "pmdec", "rvz_redshift"),
    "gaia": ("source_id", "ra", "dec", "ra_error", "dec_error", "pmra", "pmdec", "ref_epoch",
             "phot_g_mean_mag"),
    "ned": ("prefname", "ra", "dec", "pretype", "z"),
    "vizier": ("recno", "RAJ2000", "DEJ2000"),
}  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    tap: FakeTap

    def log_message(self, *_):
        pass

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        words = parse_qs(self.rfile.read(length).decode())
        self._serve(words.get("QUERY", [""])[0])

    def do_GET(self):
        self._serve(urlsplit(self.path).query)

    def _serve(self, question):
        name = self.path.split("/")[1].partition("?")[0]
        self.tap.asked.append((name, question))
        fault = self.tap.faults.get(name, "")
        if fault == "hang":
            self.tap.closing.wait(60)
            return
        if fault == "slow":
            self.tap.closing.wait(0.4)
        if fault == "refuse":
            self._send(503, b"busy")
        elif fault == "html":
            self._send(200, b"<!DOCTYPE html><html><body>Your address is blocked</body></html>")
        elif fault == "close":
            self.connection.close()
            self.close_connection = True
        else:
            self._answer(name, fault, question)

    def _answer(self, name, fault, question):
        if name == "sso":
            rows = self.tap.rows["sso"]
            fields = ["Object name", "Astrometric RA (hh:mm:ss)", "Astrometric Dec (dd mm'ss\")",
                      "Visual magnitude (V)"]  # fmt: skip
            answer = {"signature": {"version": "1.1"}, "n_second_pass": len(rows)}
            if rows:
                answer |= {"fields_second": fields, "data_second_pass": rows}
            return self._send(200, json.dumps(answer).encode())
        rows = self.tap.rows[name]
        if self.tap.most is not None:
            ra, dec, radius = circle_of(question)
            rows = [row for row in rows if separation_deg(ra, dec, row[1], row[2]) <= radius]
            fault = "overflow" if len(rows) > self.tap.most else fault
            rows = rows[: self.tap.most]
        if any(f'"{table}"' in question for table in self.tap.missing):
            return self._send(400, votable(COLUMNS[name], [], "ERROR", "no such table"))
        if fault == "error":
            return self._send(200, votable(COLUMNS[name], [], "ERROR", "unknown table"))
        body = votable(COLUMNS[name], rows, "OVERFLOW" if fault == "overflow" else "OK")
        if fault == "truncated":
            return self._send(200, body[: len(body) * 2 // 3])
        if fault == "cut":
            return self._send(200, body, announce=len(body) + 500)
        if fault == "drip":
            return self._drip(body)
        return self._send(200, body)

    def _drip(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            if self.tap.closing.wait(0.05):
                return
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return

    def _send(self, code, body, announce=None):
        self.send_response(code)
        self.send_header("Content-Type", "application/x-votable+xml")
        self.send_header("Content-Length", str(announce or len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True
        if announce:
            self.close_connection = True


def circle_of(question):
    """The circle of an ADQL question: ra, dec, radius in degrees."""
    return tuple(map(float, re.search(r"CIRCLE\('ICRS', ([^)]*)\)", question)[1].split(",")))
