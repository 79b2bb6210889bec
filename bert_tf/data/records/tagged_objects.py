"""Turns JSON objects with tagged words, or with entities in a text, into records."""

import collections
import itertools

from bert_tf.data.records.faults import Fault
from bert_tf.data.records.labels import has_line_end, strip_label
from bert_tf.data.records.objects import (
    find_field,
    quote_json,
    refuse_half_characters,
)
from bert_tf.data.records.words import split_words
from bert_tf.ground import count, quote, quote_all

OUTSIDE = "O"
_TOKENS = ("tokens", "words")
_TAGS = ("tags", "ner_tags", "labels", "label")
_ENTITIES = ("entities", "spans", "labels", "label")
_TYPES = ("type", "label", "entity", "entity_group", "tag")
_FORM = 'Write {"start": 0, "end": 5, "type": "PER"}; start and end count characters.'


def read_words(where, fields, with_labels):
    """Returns the record of one object, whose forms are those of `tagged.read_tagged`.

    Raises:
        ValueError: a field is missing or wrong. The message begins with `where`.
    """
    tokens = find_field(fields, _TOKENS)
    if tokens:
        words = _check_strings(where, tokens, fields[tokens])
        if not with_labels:
            return join_words(words, None)
        name = _require_field(where, fields, _TAGS)
        tags = _check_strings(where, name, fields[name])
        if len(tags) != len(words):
            problem = f"{count(len(words), 'word')} in {tokens!r} and "
            problem += f"{count(len(tags), 'tag')} in {name!r}"
            raise Fault(where, problem, "Give each word one tag.")
        tags = [strip_label(tag) for tag in tags]
        for tag in tags:
            if not is_tag(tag):
                problem = (
                    f"{name!r} holds {quote(tag)}, which is not O, B-TYPE, I-TYPE, "
                )
                advice = "Write names, not numbers."
                raise Fault(where, f"{problem}E-TYPE or S-TYPE", advice)
        return join_words(words, tags)
    name = _require_field(where, fields, ("text",))
    if type(fields[name]) is not str:
        problem = f"'text' must be a string; received {quote_json(fields[name])}"
        raise Fault(where, problem, "Put it in quotes.")
    refuse_half_characters(where, fields[name])
    name = _require_field(where, fields, _ENTITIES)
    return _tag_entities(where, fields["text"], name, fields[name])


def has_words(fields):
    """Returns whether an object has a list of words, not a text."""
    return find_field(fields, _TOKENS) is not None


def is_tag(cell):
    """Returns whether a cell is O, or B-, I-, E- or S- and a type on one line."""
    return cell == OUTSIDE or (
        cell[:2] in ("B-", "I-", "E-", "S-")
        and len(cell) > 2
        and not has_line_end(cell)
    )


def join_words(words, tags):
    """Returns a record whose text is the words joined by spaces.

    Args:
        words: list of strings.
        tags: list of strings, or None for a record without tags.
    """
    spans, place = [], 0
    for word in words:
        spans.append((place, place + len(word)))
        place += len(word) + 1
    record = {"text": " ".join(words), "words": spans}
    return record if tags is None else record | {"tags": list(tags)}


def _tag_entities(where, text, name, entities):
    """Returns the record of a text with entities: its words, and tags B-, I- and O."""
    if type(entities) is not list:
        problem = f"{name!r} must be a list; received {quote_json(entities)}"
        raise Fault(where, problem, _FORM)
    spans = sorted(_read_span(where, text, entity) for entity in entities)
    for (_, end, _), (start, _, _) in itertools.pairwise(spans):
        if start < end:
            problem = f"two entities share characters {start} to {end}, but a word can "
            advice = "Keep one of the entities."
            raise Fault(where, f"{problem}have only one tag", advice)
    words = split_words(text, {place for span in spans for place in span[:2]})
    tags, spans = [], collections.deque(spans)
    for start, end in words:
        while spans and spans[0][1] <= start:
            spans.popleft()
        if spans and spans[0][0] <= start:
            begins = not any(spans[0][0] <= s for s, _ in words[: len(tags)][-1:])
            tags.append(f"{'B' if begins else 'I'}-{spans[0][2]}")
        else:
            tags.append(OUTSIDE)
    return {"text": text, "words": words, "tags": tags}


def _read_span(where, text, entity):
    """Returns (start, end, type) of an entity: a dict, or a list of these three."""
    shown = quote_json(entity)
    if isinstance(entity, list) and len(entity) == 3:
        start, end, name = entity
    elif isinstance(entity, dict) and {"start", "end"} <= entity.keys():
        start, end = entity["start"], entity["end"]
        name = entity.get(find_field(entity, _TYPES))
    else:
        raise Fault(where, f"not an entity: {shown}", _FORM)
    try:
        start, end = int(start), int(end)
    except (TypeError, ValueError, OverflowError):
        raise Fault(where, f"not an entity: {shown}", _FORM) from None
    name = strip_label(name) if isinstance(name, str) else None
    if not name or has_line_end(name):
        raise Fault(where, f"an entity without a type on one line: {shown}", _FORM)
    if not 0 <= start < end <= len(text):
        problem = f"the entity {shown} lies outside the text of {len(text)} characters"
        raise Fault(where, problem, _FORM)
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start == end:
        raise Fault(where, f"the entity {shown} holds only spaces", "Drop it.")
    return start, end, name


def _check_strings(where, name, values):
    """Checks that a field is a list of strings, not empty, and returns it."""
    if (
        not isinstance(values, list)
        or not values
        or not all(type(value) is str for value in values)
    ):
        problem = f"{name!r} must be a list of strings; received {quote_json(values)}"
        raise Fault(where, problem)
    for value in values:
        refuse_half_characters(where, value)
    return values


def _require_field(where, fields, names):
    """Returns the first of `names` that is a field; raises ValueError if none is."""
    name = find_field(fields, names)
    if name is None:
        problem = f"none of {quote_all(names)}; the object has {quote_all(fields)}"
        form = '{"tokens": [...], "tags": [...]} or {"text": "...", "entities": [...]}'
        raise Fault(where, problem, f"Write {form}.")
    return name
