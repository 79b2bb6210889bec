"""Makes text that a person would write of the words that `detokenize` returns.

`detokenize` puts a space between all words, and punctuation marks and Chinese characters
are words of their own: "ein Mann , der sagt : \\" Ja \\" .". Which of these spaces a
language has is learnt from its texts.

A rule is a list [before, left, right, after, joins] of strings and a truth value. It is
about the space between two words, of which one is a mark or a Chinese character. `left`
and `right` are these words; `before` and `after` are their neighbours, if they have one
character only. "" stands for any word, a mark for itself, and capitals for other words:
L letters, I one letter, D digits, T three digits, C a Chinese character, K kana, S the
start or the end of the text. `right` may also be a short word, such as "und" in "Vor- und
Nachteile". The later rules are more specific, and overrule the earlier.
"""

import collections
import functools
import itertools
import re

from bert_tf.ground import lazy
from bert_tf.tokenization.characters import CHINESE, DROPPED, PUNCTUATION, SPACES

tf = lazy("tensorflow")

# Control characters, which no tokenizer returns: the end of a text, a space that goes, a
# space that stays, and the quotes (") that open and close.
_END, _JOINED, _KEPT, _OPEN, _CLOSE = map(chr, range(1, 6))
_QUOTED = '"([^"]*)"'
# Positions of a rule that are given, from general to specific rules; 4 is a short word on
# the right.
_LEVELS = ((2,), (1,), (1, 2), (1, 2, 3), (0, 1, 2), (0, 1, 2, 3), (1, 4))
_SHORT = re.compile(r"[^\W\d_]{2,5}")
_LEAST_GAIN = 2  # Spaces of the texts that a rule must turn from wrong to right.
_MOST_TEXTS = 100_000  # To learn from; more teach nothing and take minutes.

_KANA = frozenset(
    itertools.chain(range(0x3041, 0x3100), range(0x31F0, 0x3200), range(0xFF66, 0xFFA0))
)
_KANA -= PUNCTUATION


def learn_rules(texts):
    """Learns from texts where a language has spaces.

    Args:
        texts: iterable of strings, as people write them.

    Returns:
        list of rules, see above; plain JSON.
    """
    totals, joined = collections.Counter(), collections.Counter()
    for text in itertools.islice(texts, _MOST_TEXTS):
        for key, joins in _find_spaces(text):
            totals[key] += 1
            joined[key] += joins
    decisions = dict.fromkeys(sorted(totals), False)
    rules = []
    for level in _LEVELS:
        groups = collections.defaultdict(list)
        for key in decisions:
            given = all(key[place] for place in level)
            if given and (len(level) > 1 or _is_alone(key[level[0]])):
                pattern = tuple(key[n] if n in level else "" for n in range(5))
                groups[pattern].append(key)
        for pattern, keys in groups.items():
            total = sum(totals[key] for key in keys)
            joins = sum(joined[key] for key in keys)
            right = sum(
                joined[key] if decisions[key] else totals[key] - joined[key]
                for key in keys
            )
            if max(joins, total - joins) >= right + _LEAST_GAIN:
                decision = 2 * joins > total
                decisions.update(dict.fromkeys(keys, decision))
                before, left, right, after, short = pattern
                rules.append([before, left, right or short, after, decision])
    return rules


def join(strings, rules):
    """Removes the spaces that a language does not have.

    Works eagerly and in graphs, by operations of TensorFlow that SavedModels may have.

    Args:
        strings: tensor [B], as `detokenize` returns it.
        rules: as `learn_rules` returns them.

    Returns:
        string tensor [B].
    """
    replace = tf.strings.regex_replace
    texts = replace(strings, _QUOTED, rf"{_OPEN}\1{_CLOSE}")
    texts = tf.strings.join([_END + _KEPT, texts, _KEPT + _END])
    for pattern, mark, passes in _compile(rules):
        for _ in range(passes):
            texts = replace(texts, pattern, rf"\1{mark}\2")
    texts = replace(texts, f"^{_END}{_KEPT}|{_KEPT}{_END}$|{_JOINED}", "")
    return replace(replace(texts, _KEPT, " "), f"[{_OPEN}{_CLOSE}]", '"')


def _find_spaces(text):
    """Yields what is around each possible space, and whether there is none.

    That is a tuple of the first four strings of a rule, and the word on the right if it
    is short, else "".
    """
    text = re.sub(_QUOTED, rf"{_OPEN}\1{_CLOSE}", text.translate(_CLEAN))
    found = list(_words().finditer(text))
    words = [word[0] for word in found]
    ends = ["S", *(_kind(word, word[-1]) for word in words)]
    starts = [*(_kind(word, word[0], starts=True) for word in words), "S"]
    for number, (first, second) in enumerate(itertools.pairwise(words)):
        left, right = ends[number + 1], starts[number + 1]
        if _is_alone(left) or _is_alone(right):
            before = ends[number] if len(first) == 1 else ""
            after = starts[number + 2] if len(second) == 1 else ""
            short = second if second.islower() and _SHORT.fullmatch(second) else ""
            joins = found[number].end() == found[number + 1].start()
            yield (before, left, right, after, short), joins


_CLEAN = {point: None for point in DROPPED} | {point: " " for point in SPACES}


def _is_alone(kind):
    """Returns whether a kind is a mark or Chinese, which are words of one character."""
    return kind not in "LIDTKS"


def _kind(word, character, *, starts=False):
    """Returns the kind of a word that starts or ends with a character."""
    point = ord(character)
    if point in PUNCTUATION or character in (_OPEN, _CLOSE):
        return character
    if point in CHINESE:
        return "C"
    if point in _KANA:
        return "K"
    if character.isdecimal():
        return "T" if starts and len(word) == 3 and word.isdecimal() else "D"
    return "L" if len(word) > 1 else "I"


@functools.cache
def _words():
    alone = _ranges(PUNCTUATION | CHINESE | {ord(_OPEN), ord(_CLOSE)}, r"\U{:08x}")
    return re.compile(rf"[{alone}]|[^ {alone}]+")


def _ranges(points, form=r"\x{{{:x}}}"):
    """Returns what stands in brackets of a regular expression for code points."""
    points = sorted(points)
    parts = []
    for _, group in itertools.groupby(enumerate(points), lambda x: x[1] - x[0]):
        group = [point for _, point in group]
        parts.append("-".join(form.format(p) for p in {group[0]: 0, group[-1]: 0}))
    return "".join(parts)


def _compile(rules):
    """Returns [(regular expression, mark, passes)], the most specific rules first.

    One expression has all rules of a level that differ in one word only. It reads the
    words beside a space, and matches cannot overlap, so it takes several passes until
    every space has been seen.
    """
    groups = {}
    for *kinds, joins in rules:
        level = tuple(place for place, kind in enumerate(kinds) if kind)
        if len(kinds[2]) > 1:
            level = (1, 4)
        free = 1 if level == (1,) else 2
        fixed = [None if place == free else kind for place, kind in enumerate(kinds)]
        group = groups.setdefault((_LEVELS.index(level), joins, free, *fixed), [])
        group.append(kinds[free])
    compiled = []
    for (level, joins, free, *kinds), members in groups.items():
        kinds = [members if n == free else [k] * bool(k) for n, k in enumerate(kinds)]
        before, left, right, after = kinds
        first = _end_of(left, alone=bool(before))
        second = _start_of(right, alone=bool(after))
        if before:
            first = _end_of(before) + _SPACE + first
        if after:
            second += _SPACE + _start_of(after)
        passes = 1 if len(_LEVELS[level]) == 1 else len(_LEVELS[level]) + 1
        mark = _JOINED if joins else _KEPT
        compiled.append((level, f"({first}) ({second})", mark, passes))
    compiled.sort(key=lambda expression: -expression[0])
    return [expression[1:] for expression in compiled]


_SPACE, _NO_SPACE = f"[ {_JOINED}{_KEPT}]", f"[^ {_JOINED}{_KEPT}]"
_DIGIT = r"\p{Nd}"


@functools.cache
def _letter():
    others = _ranges(PUNCTUATION | CHINESE | _KANA)
    return f"[^ {_END}-{_CLOSE}{_DIGIT}{others}]"


def _end_of(kinds, *, alone=False):
    """Returns a regular expression of how words of some kinds end.

    Args:
        kinds: list of kinds; none for any word.
        alone: whether the word is one character, before which there is a space.
    """
    start = "" if alone else _SPACE
    words = {"L": _NO_SPACE + _letter(), "I": start + _letter(), "D": _DIGIT}
    return _any_of(kinds, words)


def _start_of(kinds, *, alone=False):
    """Returns a regular expression of how words of some kinds start, as `_end_of`."""
    end = "" if alone else _SPACE
    digits = rf"{_DIGIT}{{1,2}}[^{_DIGIT}]|{_DIGIT}{{3}}{_NO_SPACE}"
    words = {"L": _letter() + _NO_SPACE, "I": _letter() + end}
    words |= {"D": _DIGIT if alone else digits, "T": _DIGIT * 3 + _SPACE}
    return _any_of(kinds, words | {k: k + _SPACE for k in kinds if len(k) > 1})


def _any_of(kinds, words):
    """Returns a regular expression of any of some kinds, of which `words` has its own."""
    classes = {"C": _ranges(CHINESE), "K": _ranges(_KANA), "S": _END}
    parts = [words[kind] for kind in kinds if kind in words]
    inside = [classes.get(k) or _ranges({ord(k)}) for k in kinds if k not in words]
    parts += [f"[{''.join(inside)}]"] * bool(inside)
    return f"(?:{'|'.join(parts)})" if parts else ""
