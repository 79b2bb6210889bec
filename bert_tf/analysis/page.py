"""The report of an analysis as one HTML file, which loads nothing from anywhere."""

import base64
import hashlib
import html
import json
import pathlib
import re

from bert_tf.analysis.findings import Highlights, Picture, Table

_INTERVAL = re.compile(r"-?[\d.]+ to -?[\d.]+")
_PAGE = pathlib.Path(__file__).with_name("page.html")


def make_page(title, facts, parts, folder):
    """Returns the page, a string.

    Everything that comes from a model or from data is escaped; a Content-Security-Policy
    lets the page load and send nothing.

    Args:
        title: heading.
        facts: {name: text} about model and data.
        parts: list of `Part`.
        folder: `pathlib.Path` of the pictures.
    """
    page = _PAGE.read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    links = "".join(
        f'<a href="#{part.name}">{html.escape(part.title)}</a>' for part in parts
    )
    rows = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>"
        for name, text in facts.items()
    )
    filled = {
        "POLICY": f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        "TITLE": html.escape(title),
        "LINKS": links,
        "FACTS": rows,
        "PARTS": "".join(_part(part, folder) for part in parts),
    }
    # In one pass, so that no text of a part is taken for a place to fill.
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda match: filled[match[1]], page)


def _part(part, folder):
    sentences = "".join(f"<p>{html.escape(text)}</p>" for text in part.summary)
    caveats = "".join(f"<li>{html.escape(text)}</li>" for text in part.caveats)
    if caveats:
        caveats = f'<aside><ul class="caveats">{caveats}</ul></aside>'
    blocks = "".join(
        _BLOCKS[type(block)](block, folder, f"{part.name}_{number}")
        for number, block in enumerate(part.blocks)
    )
    return (
        f'<section id="{part.name}"><h2>{html.escape(part.title)}</h2>'
        f"{sentences}{caveats}{blocks}</section>"
    )


def _table(table, folder, name):
    head = "".join(
        f'<th scope="col"><button type="button">{html.escape(column)}</button></th>'
        for column in table.head
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    note = f'<p class="note">{html.escape(table.note)}</p>' if table.note else ""
    return (
        f'<figure><figcaption>{html.escape(table.title)}</figcaption><div class="wide">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
        "</figure>"
    )


def _cell(value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        kind = ' class="interval"' if _INTERVAL.fullmatch(str(value)) else ""
        return f"<td{kind}>{html.escape(str(value))}</td>"
    # Numbers of a column have equally many decimals, unless they are very small.
    small = value and abs(value) < 0.0005
    shown = (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:{'.1e' if small else ',.3f'}}"
    )
    return f'<td class="number" data-value="{value!r}">{shown}</td>'


def _picture(picture, folder, name):
    data = base64.b64encode((folder / picture.file).read_bytes()).decode("ascii")
    text = html.escape(picture.text)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{text}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _highlights(block, folder, name):
    # Without "<" no text can end the element that holds the values.
    values = json.dumps({"methods": block.methods, "examples": block.examples})
    values = values.replace("<", "\\u003c")
    return (
        f'<figure class="highlights" id="{name}">'
        f"<figcaption>{html.escape(block.title)}</figcaption>"
        f'<script type="application/json">{values}</script></figure>'
    )


_BLOCKS = {Table: _table, Picture: _picture, Highlights: _highlights}
