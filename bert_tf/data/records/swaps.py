"""Counterfactual texts: the same ones, but of another group, by an exchange of words.

Garg et al., 2019, "Counterfactual fairness in text classification through robustness";
Zmigrod et al., 2019, and Lu et al., 2020, on their use in training. A list of words is
plain text:

    [gender]
    he<TAB>she
    father<TAB>mother
    其他<TAB>其他

Words of a line are exchanged with each other. A word beside itself stays as it is, though a
part of it, here 他, is in the list. In Chinese, words are found without spaces around them.
"""

import dataclasses
import pathlib
import re

from bert_tf.data.records.files import number_entries, read_text, split_lines

_LISTS = pathlib.Path(__file__).with_name("swaps.txt")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_LETTER = r"[^\W\u3400-\u9fff]"  # Of a word between spaces, or beside Chinese.


@dataclasses.dataclass
class Swaps:
    """Words to exchange.

    Attributes:
        name: of the list, such as "gender".
        partners: {word: word}, lower case, both ways. Of several partners the first in
            the file counts. A word that stays is its own partner.
    """

    name: str
    partners: dict

    def __post_init__(self):
        words = sorted(self.partners, key=len, reverse=True)
        chinese = [re.escape(word) for word in words if _CHINESE.search(word)]
        others = [re.escape(word) for word in words if not _CHINESE.search(word)]
        patterns = [*chinese]
        if others:
            patterns.append(rf"(?<!{_LETTER})(?:{'|'.join(others)})(?!{_LETTER})")
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE)

    def swap(self, text):
        """Returns a text with its words exchanged; itself if there are none of them."""
        return self._pattern.sub(self._exchange, text)

    def _exchange(self, match):
        word = match[0]
        partner = self.partners.get(word.lower(), word)
        if partner == word.lower():
            return word
        if word.isupper() and len(word) > 1:
            return partner.upper()
        return partner.capitalize() if word[:1].isupper() else partner


def read_swaps(path=""):
    """Returns a list of `Swaps` of a file; "" for the lists of this package.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no text; a line does not have two words, or stands before
            the first list. Names the line.
    """
    lists, name = {}, None
    path = path or str(_LISTS)
    for number, line in number_entries(split_lines(read_text(path))):
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1].strip()
            lists.setdefault(name, {})
            continue
        words = [word.strip().lower() for word in line.split("\t")]
        if name is None or len(words) != 2 or not all(words):
            raise ValueError(
                f"{path}, line {number}: a line has two words with a tab between them, "
                f"under a [list]; received {line!r}."
            )
        for word, partner in (words, reversed(words)):
            lists[name].setdefault(word, partner)
    if not any(lists.values()):
        raise ValueError(
            f"{path} has no words to exchange; write two on a line, with a tab between "
            "them, under a [list]."
        )
    return [Swaps(name, partners) for name, partners in lists.items() if partners]


def swap_records(records, swaps, fields):
    """Returns the indices of the records that change, and the changed records.

    Args:
        records: list of dicts.
        swaps: `Swaps`.
        fields: names of the texts in a record.
    """
    changed, numbers = [], []
    for number, record in enumerate(records):
        own = {
            name: swaps.swap(record[name])
            for name in fields
            if isinstance(record.get(name), str)
        }
        if any(own[name] != record[name] for name in own):
            numbers.append(number)
            changed.append(record | own)
    return numbers, changed
