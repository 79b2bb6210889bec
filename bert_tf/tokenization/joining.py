"""Makes text that a person would write of the words that `detokenize` returns.

`detokenize` puts a space between all words, and punctuation marks and Chinese characters
are words of their own: "ein Mann , der sagt : \\" Ja \\" .". Which of these spaces a
language has is learnt from its texts.

A rule is a list [before, left, right, after, joins] of strings and a truth value. It is
about the space between two words, of which one is a mark or a Chinese character: `left`
and `right` are the characters at the space, `before` and `after` those beyond the words
of one character on each side. "" stands for any character, and capitals for kinds of them:
L letters, D digits, C Chinese characters, K kana, S the start or the end of the text. On
the right there may be a word, such as "und" in "Vor- und Nachteile". The later rules are
more specific, and overrule the earlier.
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
# Positions of a rule that are given, from general to specific rules; 4 is a word on the
# right.
_LEVELS = ((2,), (1,), (1, 2), (1, 2, 3), (0, 1, 2), (0, 1, 2, 3), (1, 4))
_LEAST_GAIN = 2  # Spaces of the texts that a rule must turn from wrong to right.
_WORD = re.compile(r"[^\W\d_]{1,5}")

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
    for text in texts:
        for key, joins in _find_spaces(text):
            totals[key] += 1
            joined[key] += joins
    decisions = dict.fromkeys(sorted(totals), False)
    rules = []
    for level in _LEVELS:
        groups = collections.defaultdict(list)
        for key in decisions:
            if _suits(key, level):
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
                before, left, right, after, word = pattern
                rules.append([before, left, right or word, after, decision])
    return rules


def _suits(key, level):
    """Returns whether a space can have a rule of a level: one about a mark or a word."""
    if level == (1, 4):
        return _is_alone(key[1]) and key[4]
    return len(level) > 1 or _is_alone(key[level[0]])


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

    That are the four characters of a rule, and the word on the right if it is short.
    """
    text = re.sub(_QUOTED, rf"{_OPEN}\1{_CLOSE}", text.translate(_CLEAN))
    words = list(_words().finditer(text))
    ends = [(_kind(word[0][0]), _kind(word[0][-1])) for word in words]
    ends = [("S", "S"), *ends, ("S", "S")]
    for number, (first, second) in enumerate(itertools.pairwise(words), 1):
        left, right = ends[number][1], ends[number + 1][0]
        if _is_alone(left) or _is_alone(right):
            word = (
                second[0] if second[0].islower() and _WORD.fullmatch(second[0]) else ""
            )
            key = (ends[number - 1][1], left, right, ends[number + 2][0], word)
            yield key, first.end() == second.start()


_CLEAN = {point: None for point in DROPPED} | {point: " " for point in SPACES}


def _is_alone(kind):
    """Returns whether the characters of a kind are words of their own."""
    return kind not in "LDKS"


def _kind(character):
    point = ord(character)
    if point in PUNCTUATION or character in (_OPEN, _CLOSE):
        return character
    if point in CHINESE:
        return "C"
    if point in _KANA:
        return "K"
    return "D" if character.isdecimal() else "L"


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

    One expression has all rules of a level that differ in one character only. Matches
    cannot overlap, and a rule reads the words beside a space, so it takes several passes
    until every space has been seen.
    """
    groups = {}
    for *places, joins in rules:
        level = tuple(n for n, kind in enumerate(places) if kind)
        if places[2].islower():
            level = (1, 4)
        free = 1 if level == (1,) else 2
        kinds = [(kind,) for kind in places]
        kinds[free] = None
        group = groups.setdefault((_LEVELS.index(level), joins, free, *kinds), [])
        group.append(places[free])
    compiled = []
    for (level, joins, free, *kinds), members in groups.items():
        kinds[free] = members
        before, left, right, after = (_one_of(k) if any(k) else "" for k in kinds)
        space = f"[ {_JOINED}{_KEPT}]"
        before, after = before and before + space, after and space + after
        mark = _JOINED if joins else _KEPT
        pattern = f"({before}{left}) ({right}{after})"
        compiled.append((level, pattern, mark, len(_LEVELS[level])))
    compiled.sort(key=lambda rule: -rule[0])
    return [rule[1:] for rule in compiled]


def _one_of(kinds):
    """Returns a regular expression of a character of one of some kinds."""
    words = [kind for kind in kinds if kind.islower()]
    if words:
        return f"(?:{'|'.join(words)})[ {_JOINED}{_KEPT}]"
    fixed = {"D": r"\p{Nd}", "C": _ranges(CHINESE), "K": _ranges(_KANA), "S": _END}
    inside = "".join(
        fixed.get(kind) or _ranges({ord(kind)}) for kind in kinds if kind != "L"
    )
    if "L" not in kinds:
        return f"[{inside}]"
    others = f" {_END}-{_CLOSE}" + "".join(fixed.values()) + _ranges(PUNCTUATION)
    return f"(?:[^{others}]|[{inside}])" if inside else f"[^{others}]"
