"""Characters that a reader does not see, and letters that look like Latin ones.

The letters are those of Unicode's confusables (Unicode Technical Standard 39) of six
scripts, if they look like a single letter of ASCII. Letters in another style, such as
fullwidth and mathematical ones, are those that NFKC makes a letter of ASCII.
"""

import functools
import string
import unicodedata

import numpy as np

from bert_tf.tokenization import characters

# What a character is to `cleaning`.
(
    OTHER,  # Ends a word, as spaces, punctuation, and letters of further scripts do.
    LINE_END,
    INVISIBLE,
    BIDI,  # An invisible control of the direction of writing.
    OVERRIDE,  # Of these, the one that shows what follows it from right to left.
    INSIDE,  # A digit or a mark, which a word may contain.
    LATIN,
    STYLED,  # A letter of ASCII in another style.
    FOREIGN,  # Of one of the six scripts, and unlike all letters of ASCII.
    LOOKALIKE,
    SYMBOL,  # A look-alike of Greek, which may stand for itself alone: the α level.
) = range(11)

_CYRILLIC = """
A:410 B:412 C:421 E:415 G:50c H:41d I:406,4c0 J:408 K:41a M:41c O:41e P:420 S:405 T:422
V:474 W:51c X:425 Y:423,4ae a:430 b:42c c:441 d:501 e:435,4bd h:4bb i:456,a647 j:458
l:4cf o:43e p:440 q:51b r:433 s:455 v:475 w:461,51d x:445 y:443,4af
"""
_GREEK = """
A:391 B:392 C:3f9 E:395 F:3dc H:397 I:399 J:37f K:39a M:39c,3fa N:39d O:39f P:3a1 T:3a4
X:3a7 Y:3a5,3d2 Z:396 a:3b1 c:3f2 i:3b9 j:3f3 o:3bf,3c3 p:3c1,3f1 r:1d26 u:3c5 v:3bd
y:3b3
"""
_ARMENIAN = """
O:555 S:54f U:54d f:584 g:581 h:570 n:578,57c o:585 q:563,566 u:57d w:561
"""
_CHEROKEE = """
A:13aa B:13f4 C:13df D:13a0 E:13ac G:13c0,13f3 H:13bb J:13ab K:13e6 L:13de M:13b7 P:13e2
R:13a1,13d2 S:13d5,13da T:13a2 V:13d9 W:13b3,13d4 Y:13a9,13bd Z:13c3 b:13cf c:abaf
d:13e7 h:13c2 i:13a5,ab75 r:ab81 s:abaa v:aba9 w:ab83 z:ab93
"""
_COPTIC = """
C:2ca4 H:2c8e I:2c92 K:2c94 L:2cd0 M:2c98 N:2c9a O:2c9e P:2ca2 T:2ca6 X:2cac Y:2ca8
c:2ca5 o:2c9f p:2ca3 r:2c85
"""
_LISU = """
A:a4ee B:a4d0 C:a4da D:a4d3 E:a4f0 F:a4dd G:a4d6 H:a4e7 I:a4f2 J:a4d9 K:a4d7 L:a4e1
M:a4df N:a4e0 O:a4f3 P:a4d1 R:a4e3 S:a4e2 T:a4d4 U:a4f4 V:a4e6 W:a4ea X:a4eb Y:a4ec
Z:a4dc d:a4d2
"""
_PHONETIC = "a:251 g:261"
# The blocks of the six scripts.
_BLOCKS = """
370-52f 531-58f 13a0-13ff 1c80-1c8f 1d26-1d2b 1f00-1fff 2c80-2cff 2de0-2dff a4d0-a4ff
a640-a69f ab70-abbf
"""
_LATIN = """
41-5a 61-7a c0-d6 d8-f6 f8-2af 1e00-1eff 2c60-2c7f a722-a787 a78b-a7ff ab30-ab5a ab5c-ab64
fb00-fb06
"""
_INSIDE = "30-39 300-36f 1ab0-1aff 1dc0-1dff 20d0-20ff fe20-fe2f"
# Where NFKC has letters in another style.
_STYLES = "2102-2138 213c-214f 2160-217f 24b6-24e9 ff21-ff3a ff41-ff5a 1d400-1d7ff 1f130-1f149"
_EMOJI = {0x24C2}  # Of these, what is shown as a picture.
# Unicode's property Default_Ignorable_Code_Point.
_IGNORABLE = """
ad 34f 61c 115f-1160 17b4-17b5 180b-180f 200b-200f 202a-202e 2060-206f 3164 fe00-fe0f feff
ffa0 fff0-fff8 1bca0-1bca3 1d173-1d17a e0000-e0fff
"""
_LINE_ENDS = "a d 85 2028-2029"
_BIDI = "202a-202d 2066-2069"
_OVERRIDE = 0x202E


def _letters(text):
    """Returns {code point: letter of ASCII} of one of the tables above."""
    pairs = (entry.split(":") for entry in text.split())
    return {int(p, 16): letter for letter, points in pairs for p in points.split(",")}


@functools.cache
def table():
    """Returns what each character is, as ranges of code points.

    Returns:
        `starts`, the first code point of each range; `kinds`, what its characters are;
        and `letters`, the code point of the letter of ASCII that they look like, or 0;
        int32 [ranges].
    """
    kinds, letters = _read_characters()
    points = sorted({0, *kinds, *(point + 1 for point in kinds)})
    rows = [(p, kinds.get(p, OTHER), letters.get(p, 0)) for p in points]
    rows = [
        row
        for before, row in zip([None, *rows], rows)
        if not before or row[1:] != before[1:]
    ]
    rows.append((characters.PRIVATE_BLOCKS[0], INVISIBLE, 0))  # To the last code point.
    return tuple(np.array(column, np.int32) for column in zip(*rows))


def changing():
    """Returns the ranges of the characters that may change, a list of (first, last)."""
    starts, kinds, _ = table()
    ends = [*(starts[1:] - 1), 0x10FFFF]
    wanted = (INVISIBLE, BIDI, OVERRIDE, STYLED, LOOKALIKE, SYMBOL)
    return [
        (int(start), int(end))
        for start, end, kind in zip(starts, ends, kinds)
        if kind in wanted
    ]


def _read_characters():
    """Returns {code point: kind} and {code point: code point of a letter of ASCII}."""
    ranges, kinds = characters.ranges, {}
    for point in ranges(_BLOCKS):
        category = unicodedata.category(chr(point))
        kinds[point] = {"M": INSIDE, "L": FOREIGN}.get(
            category[0], FOREIGN if category == "Cn" else OTHER
        )
    kinds |= dict.fromkeys(ranges(_LATIN), LATIN)
    kinds |= dict.fromkeys(ranges(_INSIDE), INSIDE)
    kinds |= dict.fromkeys(characters.DROPPED | ranges(_IGNORABLE), INVISIBLE)
    kinds |= dict.fromkeys(ranges(_LINE_ENDS), LINE_END)
    kinds |= dict.fromkeys(ranges(_BIDI), BIDI) | {_OVERRIDE: OVERRIDE}
    styled = _letters(_PHONETIC)
    for point in ranges(_STYLES) - _EMOJI:
        letter = unicodedata.normalize("NFKC", chr(point))
        if len(letter) == 1 and letter in string.ascii_letters:
            styled[point] = letter
    greek = _letters(_GREEK)
    others = _letters(_CYRILLIC + _ARMENIAN + _CHEROKEE + _COPTIC + _LISU)
    kinds |= dict.fromkeys(styled, STYLED)
    kinds |= dict.fromkeys(greek, SYMBOL) | dict.fromkeys(others, LOOKALIKE)
    # The private-use planes are one range.
    kinds = {p: kind for p, kind in kinds.items() if p < characters.PRIVATE_BLOCKS[0]}
    return kinds, {p: ord(x) for p, x in (styled | greek | others).items()}
