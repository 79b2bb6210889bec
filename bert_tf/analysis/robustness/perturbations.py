"""Changes of characters that a person hardly notices.

Each takes a word and a `random.Random`, and returns the word changed, or itself if it
cannot be.
"""

# Neighbours on an English keyboard.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {}
for _row, _keys in enumerate(_ROWS):
    for _place, _key in enumerate(_keys):
        _NEIGHBOURS[_key] = "".join(
            keys[place]
            for row, keys in enumerate(_ROWS)
            for place in (_place - 1, _place, _place + 1)
            if abs(row - _row) <= 1 and 0 <= place < len(keys) and keys[place] != _key
        )
# Letters of other alphabets that look like Latin ones (Unicode's confusables).
HOMOGLYPHS = dict(
    zip(
        "aceiopsxyABCEHIKMOPSTXYZ",
        "\u0430\u0441\u0435\u0456\u043e\u0440\u0455\u0445\u0443"  # Cyrillic.
        "\u0410\u0412\u0421\u0415\u041d\u0406\u041a\u041c\u041e\u0420\u0405\u0422\u0425"
        "\u03a5\u0396",  # Greek.
    )
)
ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff")
_RIGHT_TO_LEFT, _LEFT_TO_RIGHT, _END = "\u202e", "\u202d", "\u202c"


def swap_letters(word, random):
    """Exchanges two neighbouring letters inside the word."""
    places = [n for n in range(1, len(word) - 2) if word[n] != word[n + 1]]
    if not places:
        return word
    place = random.choice(places)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def slip(word, random):
    """Hits the key beside one of the letters."""
    places = [n for n, letter in enumerate(word) if letter.lower() in _NEIGHBOURS]
    if not places:
        return word
    place = random.choice(places)
    key = random.choice(_NEIGHBOURS[word[place].lower()])
    return (
        word[:place]
        + (key.upper() if word[place].isupper() else key)
        + word[place + 1 :]
    )


def drop_letter(word, random):
    """Leaves out a letter inside the word."""
    if len(word) < 4:
        return word
    place = random.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1 :]


def use_homoglyphs(word, random):
    """Writes letters in others that look alike, of other alphabets."""
    return "".join(HOMOGLYPHS.get(letter, letter) for letter in word)


def hide_characters(word, random):
    """Puts a character without width into the word."""
    if len(word) < 2:
        return word
    place = random.randrange(1, len(word))
    return word[:place] + random.choice(ZERO_WIDTH) + word[place:]


def turn_around(word, random):
    """Writes the word backwards between marks that let it be shown forwards."""
    if len(word) < 2:
        return word
    return f"{_RIGHT_TO_LEFT}{word[::-1]}{_END}"


# {attack: functions, one of which is drawn for each word}.
CHARACTER_ATTACKS = {
    "typos": (swap_letters, slip, drop_letter),
    "homoglyphs": (use_homoglyphs,),
    "zero_width": (hide_characters,),
    "bidirectional": (turn_around,),
}
