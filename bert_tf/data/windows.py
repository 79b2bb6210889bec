"""Long texts in windows that overlap, each of its pieces answered by one of them."""

import dataclasses

LONG_TEXTS = ("windows", "truncate")  # Of what answers pieces or words, not texts.


@dataclasses.dataclass(frozen=True)
class Window:
    """Pieces [begin, end) of a text; those in [first, last) are its own to answer.

    A piece belongs to the window in which it has most context: of two that overlap, the
    border lies in the midst (Devlin et al., 2019, in run_squad.py: maximum context).
    """

    begin: int
    end: int
    first: int
    last: int


def windows(length, most, overlap, long_text="windows"):
    """Returns the `Window`s of a text of `length` pieces, at least one.

    Args:
        length: pieces of the text.
        most: pieces a window has at most.
        overlap: pieces that two neighbours share, below `most`.
        long_text: one of `LONG_TEXTS`; "truncate" gives the first window alone, in
            which all pieces that it has are its own.
    """
    if not 0 <= overlap < most:
        raise ValueError(f"overlap must be in [0, {most}); received {overlap}.")
    if long_text == "truncate":
        length = min(length, most)
    begins = [0]
    while begins[-1] + most < length:
        begins.append(begins[-1] + most - overlap)
    borders = [begin + overlap // 2 for begin in begins[1:]]
    return [
        Window(begin, min(begin + most, length), first, last)
        for begin, first, last in zip(begins, [0, *borders], [*borders, length])
    ]
