"""Figures that are written, and sets of fonts."""

import sys
import warnings

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import figure, font_manager

OWN = ("DejaVu", "STIX", "cm", "Last Resort")  # Those that matplotlib brings along.


@pytest.fixture
def saved_figure(monkeypatch):
    """Returns a function that returns the figure that was written last.

    Any warning while it is written is an error. pyplot is not imported.
    """
    figures, save = [], figure.Figure.savefig

    def savefig(self, *arguments, **options):
        figures.append(self)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            save(self, *arguments, **options)

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    monkeypatch.setattr(figure.Figure, "savefig", savefig)
    yield lambda: figures[-1]
    assert "matplotlib.pyplot" not in sys.modules


@pytest.fixture
def write_font(tmp_path_factory):
    """Writes a font that has a box for each character of a text; returns its path."""
    folder = tmp_path_factory.mktemp("fonts")

    def write_font(characters, name):
        pen = TTGlyphPen(None)
        for number, point in enumerate([(0, 0), (0, 700), (500, 700), (500, 0)]):
            (pen.lineTo if number else pen.moveTo)(point)
        pen.closePath()
        glyphs = [".notdef", "box"]
        builder = FontBuilder(1000)
        builder.setupGlyphOrder(glyphs)
        builder.setupCharacterMap({ord(c): "box" for c in characters})
        builder.setupGlyf(dict.fromkeys(glyphs, pen.glyph()))
        builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (600, 0)))
        builder.setupHorizontalHeader(ascent=800, descent=-200)
        builder.setupNameTable({"familyName": name, "styleName": "Regular"})
        builder.setupOS2()
        builder.setupPost()
        path = folder / f"{name}.ttf"
        builder.save(path)
        return str(path)

    return write_font


@pytest.fixture
def only_fonts(write_font):
    """Leaves matplotlib its own fonts and new ones, "Test 0" and so on, with characters."""
    manager = font_manager.fontManager

    def only_fonts(*characters):
        own = [entry for entry in manager.ttflist if entry.name.startswith(OWN)]
        patch.setattr(manager, "ttflist", own)
        patch.setattr(font_manager, "findSystemFonts", list)
        manager._findfont_cached.cache_clear()
        for number, text in enumerate(characters):
            manager.addfont(write_font(text, f"Test {number}"))

    with pytest.MonkeyPatch.context() as patch:
        yield only_fonts
    manager._findfont_cached.cache_clear()
