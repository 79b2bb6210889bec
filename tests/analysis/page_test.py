"""The page: escaped, of one file, and in a browser, if there is one."""

import html.parser
import re
import shutil
import subprocess

import pytest

from bert_tf.analysis.findings import Highlights, Part, Picture, Table
from bert_tf.analysis.page import make_page

EVIL = "<script>alert(1)</script>\"'&{{PARTS}}</textarea>"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00"
    b"\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\x0f\x00\x01\x01\x01\x00\x18"
    b"\xdd\x8d\xb0\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The path of a page whose texts are all markup."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "a.png").write_bytes(PNG)
    examples = [
        {
            "words": ["plain", "words"],
            "breaks": [1],
            "weights": {"one": [1.0, -0.5], "two": [0.0, 0.25]},
            "predicted": "up",
            "probability": 0.75,
            "truth": "up",
        },
        {
            "words": [EVIL, "good"],
            "breaks": [],
            "weights": {"one": [0.5, 0.5], "two": [0.0, 0.0]},
            "predicted": "up",
            "probability": 0.5,
            "truth": EVIL,
        },
    ]
    part = Part(
        "explain",
        EVIL,
        [EVIL],
        {},
        [
            Table(EVIL, ["word", EVIL], [["b", 2.0], ["a", 10.0], [EVIL, 1]], EVIL),
            Picture("a.png", EVIL),
            Highlights(EVIL, {"one": "Method one", "two": "Method two"}, examples),
        ],
        [EVIL],
    )
    path = folder / "report.html"
    path.write_text(make_page(EVIL, {"Task": EVIL}, [part], folder), encoding="utf-8")
    return path


class Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.scripts, self.sources, self.texts = 0, [], []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.scripts += tag == "script" and "type" not in named
        self.sources += [v for n, v in attributes if n in ("src", "href")]

    def handle_data(self, data):
        self.texts.append(data)


def test_markup_of_texts_is_shown_as_it_is(page):
    text = page.read_text(encoding="utf-8")
    parser = Parser()
    parser.feed(text)
    assert parser.scripts == 1
    assert "".join(parser.texts).count(EVIL) >= 6
    assert text.count("<script>alert") == 0


def test_nothing_is_loaded(page):
    parser = Parser()
    parser.feed(page.read_text(encoding="utf-8"))
    assert all(re.match(r"data:|#", source) for source in parser.sources)
    assert "default-src 'none'" in page.read_text(encoding="utf-8")


def browse(page, fragment=""):
    """Returns the page as a browser has it, after its script has run."""
    browser = next(
        filter(
            None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
        ),
        None,
    )
    if not browser:
        pytest.skip("there is no Chromium")
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            f"{page.as_uri()}{fragment}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def words_of(dom):
    return re.findall(r'<span class="word"[^>]*>(.*?)</span>', dom)


def test_words_are_coloured(page):
    dom = browse(page)
    assert words_of(dom)[:2] == ["plain", "words"]
    assert "2 of 2 texts" in dom and "Method two</option>" in dom
    shades = re.findall(r"rgb\(var\(--(\w+)\) / ([0-9.]+)\)", dom)
    assert shades[:2] == [("for", "0.550"), ("against", "0.275")]


def test_controls_choose(page):
    dom = browse(page, "#explain_2.method=two&explain_2.words=plain")
    assert words_of(dom) == ["plain", "words"] and "1 of 2 texts" in dom
    shades = re.findall(r"rgb\(var\(--(\w+)\) / ([0-9.]+)\)", dom)
    assert shades == [("for", "0.000"), ("for", "0.550")]
    wrong = browse(page, "#explain_2.wrong=1")
    assert "1 of 2 texts" in wrong and "but the data say" in wrong
