"""Which fonts are chosen for which characters."""

import logging
import pathlib
import sys

import pytest
from matplotlib import font_manager, ft2font

from bert_tf.report import fonts


def test_matplotlibs_own_font_is_enough_for_european_names(only_fonts):
    only_fonts("abc")
    assert fonts.find_fonts(["Ça", "Łódź", "Ελλάδα", "Россия"]) == (
        ["DejaVu Sans"],
        set(),
    )


def test_few_fonts_cover_all_characters(only_fonts):
    only_fonts("体", "体育日", "日本", "한")
    families, missing = fonts.find_fonts(["体育", "日本", "ab"])
    assert families == ["DejaVu Sans", "Test 1", "Test 2"]
    assert missing == set()


def test_what_no_font_has_is_missing(only_fonts):
    only_fonts("体")
    assert fonts.find_fonts(["体育"]) == (["DejaVu Sans", "Test 0"], {"育"})


def test_fonts_that_show_boxes_are_not_chosen(only_fonts):
    only_fonts()
    assert any("Last Resort" in e.name for e in font_manager.fontManager.ttflist)
    assert fonts.find_fonts(["体"]) == (["DejaVu Sans"], {"体"})


def test_fonts_that_were_removed_are_passed_over(only_fonts):
    only_fonts("体")
    pathlib.Path(font_manager.fontManager.ttflist[-1].fname).unlink()
    assert fonts.find_fonts(["体"]) == (["DejaVu Sans"], {"体"})


@pytest.mark.skipif(sys.platform == "darwin", reason="fonts are not searched again")
def test_fonts_that_were_just_installed_are_found(
    only_fonts, write_font, monkeypatch, tmp_path
):
    only_fonts()
    (tmp_path / "damaged.ttf").write_bytes(b"damaged")
    paths = [str(tmp_path / "damaged.ttf"), write_font("体", "Just Installed")]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: paths)
    assert fonts.find_fonts(["体"]) == (["DejaVu Sans", "Just Installed"], set())


def test_letters_that_an_older_matplotlib_would_not_join_are_missing(monkeypatch):
    monkeypatch.delattr(ft2font, "__libraqm_version__", raising=False)
    _, missing = fonts.find_fonts(["שלום", "مرحبا", "é", "и"])
    assert missing == set("שלום" + "مرحبا")


@pytest.mark.skipif(
    not hasattr(ft2font, "__libraqm_version__"), reason="needs matplotlib 3.11"
)
def test_letters_that_are_joined(only_fonts):
    only_fonts()
    assert fonts.find_fonts(["שלום", "مرحبا"]) == (["DejaVu Sans"], set())


def test_clean_text():
    assert fonts.clean(" a\n\tb ") == "a b"
    assert fonts.clean("e\u0301") == "é"


def test_invisible_characters():
    assert [fonts.is_invisible(c) for c in "\ufe0f\u200da体"] == [
        True,
        True,
        False,
        False,
    ]


def test_the_log_of_the_session_is_not_changed(only_fonts):
    only_fonts()
    log = logging.getLogger("matplotlib.font_manager")
    before = log.level
    with pytest.raises(KeyError), fonts.quiet():
        raise KeyError
    assert log.level == before
