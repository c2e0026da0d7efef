"""The report as one HTML file: Markdown in, a page out that asks for nothing from elsewhere."""

import base64
import hashlib
import re
from collections.abc import Callable
from html import escape
from typing import Any, Final
from urllib.parse import unquote

STYLE: Final = """
:root{--ink:#1b1e24;--faint:#5a6270;--paper:#fff;--line:#d5d9e0;--band:#f3f5f8;--link:#0a58a6}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaee;--faint:#a5adba;--paper:#14161b;--line:#363c47;
--band:#1e222a;--link:#8ec1ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:76rem;color:var(--ink);background:var(--paper);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.2}h2{margin-top:2.5rem;border-bottom:2px solid var(--line)}
h4{margin:2rem 0 .5rem;font-size:1.05rem}
a{color:var(--link)}
blockquote{margin:1rem 0;padding:.5rem 1rem;border-left:6px solid #d98200;background:var(--band)}
.figure{display:block}img{display:block;max-width:100%;height:auto}
pre{overflow-x:auto;padding:.75rem;background:var(--band);overflow-wrap:normal}
code{font:.875em ui-monospace,monospace}
.wide{overflow-x:auto;margin:1rem 0;overflow-wrap:normal}
table{border-collapse:collapse;font-size:.85rem}
th,td{padding:.25rem .55rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{background:var(--band);white-space:nowrap}
td{max-width:32rem}.short{white-space:nowrap}
.right{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
@media(max-width:40rem){body{padding:.6rem}.figure{overflow-x:auto}.figure img{max-width:none;width:44rem}}
th button{all:unset;cursor:pointer;font-weight:700}th button:focus-visible{outline:2px solid var(--link)}
th[aria-sort=ascending] button::after{content:" \\25B2"}
th[aria-sort=descending] button::after{content:" \\25BC"}
nav ul{columns:18rem;padding-left:1.2rem}nav{font-size:.9rem}
@media print{nav{display:none}body{max-width:none;font-size:9pt}.wide{overflow:visible}
table{font-size:6.5pt}td,th{overflow-wrap:anywhere;white-space:normal}.short,.right{white-space:normal}h4{break-after:avoid}
img{break-inside:avoid;max-height:20cm}}
"""

SHORT: Final = 44
"""Characters of a cell that stay on one line: names and dates; longer text is wrapped."""

# A number comes first in a cell where it is one to sort by; a dash is unknown and comes last either way.
SCRIPT: Final = """
"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) continue;
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "sort by this column";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      const key = (row) => (row.cells[head.cellIndex]?.textContent ?? "").trim();
      const number = (text) => {
        return /^[-+\\u2212]?[\\d.]/.test(text) ? parseFloat(text.replace("\\u2212", "-")) : NaN;
      };
      const unknown = (text) => text === "" || text === "\\u2013";
      const rows = Array.from(body.rows, (row) => [key(row), row]);
      rows.sort(([a], [b]) => {
        if (unknown(a) || unknown(b)) return unknown(a) - unknown(b);
        const x = number(a), y = number(b);
        if (!isNaN(x) && !isNaN(y)) return sign * (x - y);
        return sign * a.localeCompare(b, "en", {numeric: true});
      });
      body.append(...rows.map(([, row]) => row));
    });
  }
}
"""


def page(markdown: str, figure: Callable[[str], bytes | None]) -> str:
    """Return the report as a page of its own.

    Parameters
    ----------
    markdown : str
        The report; raw HTML in it is text.
    figure : callable
        From the path of a PNG as the report has it to its bytes; None where it is not there, and its
        description takes its place.

    Notes
    -----
    The Content-Security-Policy lets in this style and this script by their hashes, figures as `data:`, and
    nothing else.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    heads = _name_headings(tokens)
    _align(tokens)
    renderer: Any = parser.renderer
    rules = renderer.rules
    rules["table_open"] = lambda *_: '<div class="wide"><table>\n'
    rules["table_close"] = lambda *_: "</table></div>\n"
    rules["image"] = lambda tokens, place, *_: _figure(tokens[place], figure)
    body = renderer.render(tokens, parser.options, {})
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    contents = "".join(f'<li><a href="#{name}">{escape(text)}</a></li>' for name, text in heads)
    title = escape(_title(tokens))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{title}</title>\n<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n</head>\n<body>\n'
        f'<nav aria-label="contents"><ul>{contents}</ul></nav>\n<main>\n{body}</main>\n'
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def figures_of(markdown: str) -> list[str]:
    """Return the paths of all figures of a report, in order, each once."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(markdown)
    inner = (child for token in tokens for child in token.children or ())
    return list(dict.fromkeys(unquote(str(c.attrs["src"])) for c in inner if c.type == "image"))


def _figure(token: Any, figure: Callable[[str], bytes | None]) -> str:
    """Return an image with its bytes inside, or its description."""
    said = escape(token.content)
    found = figure(unquote(str(token.attrs["src"])))
    if found is None:
        return f"<em>(not there: {said})</em>"
    data = base64.b64encode(found).decode()
    return f'<span class="figure"><img alt="{said}" src="data:image/png;base64,{data}"></span>'


def _name_headings(tokens: list[Any]) -> list[tuple[str, str]]:
    """Give every heading an id; return id and text of those of the second rank."""
    heads = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", f"s{place}")
            if token.tag == "h2":
                heads.append((f"s{place}", _text(tokens[place + 1])))
    return heads


def _title(tokens: list[Any]) -> str:
    first = next((n for n, token in enumerate(tokens) if token.type == "heading_open"), None)
    return "Report" if first is None else _text(tokens[first + 1])


def _text(inline: Any) -> str:
    return "".join(child.content for child in inline.children)


def _align(tokens: list[Any]) -> None:
    """Turn inline styles, which the policy refuses, into classes; short cells are not broken into lines."""
    for place, token in enumerate(tokens):
        style = str(token.attrs.pop("style", ""))
        if re.search(r"text-align:\s*right", style):
            token.attrSet("class", "right")
        elif token.type == "td_open" and len(_text(tokens[place + 1])) <= SHORT:
            token.attrSet("class", "short")


def _hash(text: str) -> str:
    """Return what the policy calls a script or style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
