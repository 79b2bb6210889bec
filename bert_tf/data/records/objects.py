"""JSON objects, and whatever else has named fields, become records."""

import functools
import json

from bert_tf.data.records.columns import choose, each
from bert_tf.ground import quote, quote_all


def read_objects(path, objects, lines, wanted, many_labels=False, unit="line"):
    """Returns {role: field} and the records of dicts, which stand on `lines`."""
    chosen = choose_fields(f"{path}, {unit} {lines[0]}", objects[0], wanted)
    records = [
        read_object(f"{path}, {unit} {line}", fields, chosen, many_labels)
        for line, fields in zip(lines, objects)
    ]
    return chosen, records


def choose_fields(where, fields, wanted):
    """{role: name of its field, or names}; errors as in `columns.choose`."""
    names = list(fields)
    return name_columns(choose(where, names, wanted, ordered=False), names)


def read_object(where, fields, chosen, many_labels=False):
    """The record of one object; a label may be a list where there may be many."""

    def value(role, name):
        if name not in fields:
            raise ValueError(
                f"{where}: there is no {name!r} for the {role}; the object has "
                f"{quote_all(fields)}. Add it."
            )
        found = fields[name]
        if many_labels and role == "label" and isinstance(found, list):
            return [text(role, name, part) for part in found]
        return text(role, name, found)

    def text(role, name, found):
        if found is True or found is False:
            found = json.dumps(found)
        if type(found) is not str:
            move = f"Put the {role} in quotes."
            if role == "label" and isinstance(found, list):
                move = "For a list of labels, the task is multi_label."
            raise ValueError(
                f"{where}: {name!r} must be a string; received "
                f"{quote(json.dumps(found, ensure_ascii=False))}. {move}"
            )
        refuse_half_characters(where, found)
        return found

    return {
        role: each(functools.partial(value, role), names)
        for role, names in chosen.items()
    }


def name_columns(picks, names):
    """{role: name of its column}, or its position where there are no names."""
    return {
        role: each(lambda position: names[position] if names else position, place)
        for role, place in picks.items()
    }


def refuse_half_characters(where, text):
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where}: half a character ({text[error.start]!r}), which is not Unicode "
            "text. Remove it."
        ) from None
