"""The page of the trial server."""

import base64
import hashlib
import json
import pathlib
import re

_PAGE = pathlib.Path(__file__).with_name("page.html")


def make_page(name, fields, labels, examples):
    """Returns the page and its Content-Security-Policy, strings.

    Args:
        name: name of the model.
        fields: names of the inputs.
        labels: names of the scores.
        examples: inputs that the page offers, dicts of the fields.
    """
    values = {
        "model": name,
        "fields": list(fields),
        "labels": list(labels),
        "examples": list(examples),
    }
    # Without "<" a label cannot end the element that holds the values.
    values = json.dumps(values).replace("<", "\\u003c")
    html = _PAGE.read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    policy = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    filled = html.replace("{/* filled in */}", values)
    return filled, "; ".join(f"{name} {value}" for name, value in policy.items())


def _hash(text):
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
