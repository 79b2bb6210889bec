"""Fonts for names in any script, chosen among the installed ones by what they contain."""

import contextlib
import logging
import re
import sys
import unicodedata

BASE = "DejaVu Sans"  # matplotlib brings it along.

# Their glyphs are boxes or blanks, or stand at other places than Unicode's.
_UNFIT = re.compile(r"Last ?Resort|Blank|cm[a-z]+10$|STIX(NonUnicode|Size)")


def clean(text):
    """Returns a text on one line, with its accents composed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def find_fonts(texts):
    """Finds fonts that together have the characters of texts.

    Args:
        texts: as `clean` returns them.

    Returns:
        names of font families, for matplotlib to try in this order; and the set of
        characters that cannot be drawn, since no installed font has them, or since this
        matplotlib does not lay out their script.
    """
    wanted = {character for text in texts for character in text}
    unordered = set() if _lays_out_scripts() else set(filter(_needs_layout, wanted))
    families, missing = [BASE], wanted - unordered - _covered(BASE, wanted)
    for more_families in (_known_families, _new_families):
        if not missing:
            break
        candidates = {name: _covered(name, missing) for name in sorted(more_families())}
        while useful := [name for name in candidates if candidates[name] & missing]:
            best = max(
                useful,
                key=lambda name: (len(candidates[name] & missing), _is_plain(name)),
            )
            missing = missing - candidates[best]
            families.append(best)
    return families, missing | unordered


@contextlib.contextmanager
def quiet():
    """Keeps matplotlib from logging that a family has no font of the very weight."""
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def is_invisible(character):
    """Returns whether a text reads the same without a character that no font has."""
    selects_variant = "\ufe00" <= character <= "\ufe0f"  # Such as that of emoji.
    return selects_variant or unicodedata.category(character) == "Cf"


def _known_families():
    """Returns the families in matplotlib's list of fonts, which it keeps in a file."""
    from matplotlib import font_manager

    names = set(font_manager.get_font_names())
    return {name for name in names if not _UNFIT.match(name)}


def _new_families():
    """Adds fonts to matplotlib's list that were installed after it was made."""
    if sys.platform == "darwin":  # Needs seconds to list them, and has every script.
        return set()
    from matplotlib import font_manager

    before = _known_families()
    listed = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in set(font_manager.findSystemFonts()) - listed:
        # Bitmap fonts are refused, and so are damaged files.
        with contextlib.suppress(OSError, RuntimeError, NotImplementedError):
            font_manager.fontManager.addfont(path)
    return _known_families() - before


def _covered(family, characters):
    """Returns the characters that matplotlib finds in its regular font of a family."""
    from matplotlib import font_manager

    # Fonts that are listed may have been removed, and are of varying quality.
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        properties = font_manager.FontProperties(family=[family])
        with quiet():
            path = font_manager.findfont(
                properties, fallback_to_default=False, rebuild_if_missing=False
            )
        font = font_manager.get_font(path)
        return {c for c in characters if font.get_char_index(ord(c))}
    return set()


def _is_plain(family):
    return "Sans" in family and "Mono" not in family


def _lays_out_scripts():
    """Returns whether matplotlib orders and joins letters, as it does from 3.11 on."""
    from matplotlib import ft2font

    return hasattr(ft2font, "__libraqm_version__")


def _needs_layout(character):
    """Returns whether a character joins others, or is read from the right."""
    from_the_right = unicodedata.bidirectional(character) in ("R", "AL")
    return from_the_right or unicodedata.category(character) in ("Mn", "Mc")
