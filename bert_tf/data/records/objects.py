"""Turns JSON objects, and other dicts, into records."""

import functools
import json

from bert_tf.data.records.columns import ID, choose_columns, map_columns
from bert_tf.data.records.faults import Fault
from bert_tf.ground import quote, quote_all


def read_objects(objects, lines, request, faults):
    """Reads dicts, which stand on `lines`.

    Returns:
        {role: name of its field}, the records, and their lines.
    """
    if request.targets:
        objects = list(map(lift_languages, objects))
    chosen = choose_fields(faults.where(lines[0]), objects[0], request)

    def read(where, fields):
        return read_object(where, fields, chosen, request.many_labels)

    return chosen, *faults.read(read, objects, lines)


def lift_languages(fields):
    """Returns an object whose field `translation`, {language: text}, is lifted into it.

    This is the form of Hugging Face's data sets of parallel text.
    """
    languages = fields.get("translation")
    return fields | languages if isinstance(languages, dict) else fields


def choose_fields(where, fields, request):
    """Returns {role: name of its field, or names}; errors as in `choose_columns`."""
    names = list(fields)
    return name_columns(choose_columns(where, names, request, ordered=False), names)


def read_object(where, fields, chosen, many_labels=False):
    """Returns the record of one object; with `many_labels`, a label may be a list."""

    def value(role, name):
        if name not in fields:
            problem = f"there is no {name!r} for the {role}; the object has "
            raise Fault(where, problem + quote_all(fields), "Add it.")
        field = fields[name]
        if role == ID:
            return field
        if many_labels and role == "label" and isinstance(field, list):
            return [string(role, name, item) for item in field]
        return string(role, name, field)

    def string(role, name, field):
        if field is True or field is False:
            field = json.dumps(field)
        if type(field) is not str:
            advice = f"Put the {role} in quotes."
            if role == "label" and isinstance(field, list):
                advice = "For lists of labels, use the task multi_label."
            problem = f"{name!r} must be a string; received {quote_json(field)}"
            raise Fault(where, problem, advice)
        refuse_half_characters(where, field)
        return field

    return {
        role: map_columns(functools.partial(value, role), names)
        for role, names in chosen.items()
    }


def read_id(where, fields, name):
    """Returns {"id": value} of the field `name`, {} if `name` is None or empty."""
    if not name:
        return {}
    if name not in fields:
        problem = f"there is no {name!r} for the id; the object has {quote_all(fields)}"
        raise Fault(where, problem, "Add it, or give another id_column.")
    return {ID: fields[name]}


def name_columns(positions, names):
    """Returns {role: name of its column}, or its position if `names` is None."""
    return {
        role: map_columns(lambda place: names[place] if names else place, columns)
        for role, columns in positions.items()
    }


def find_field(fields, names):
    """Returns the first of `names` that is a field, or None."""
    return next((name for name in names if name in fields), None)


def quote_json(value):
    """Returns a JSON value for an error message."""
    try:
        return quote(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return "a value that is nested too deep"


def refuse_half_characters(where, text):
    """Raises ValueError if a text has half of a surrogate pair, which is not Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        problem = (
            f"the text has half a character ({text[error.start]!r}), which is not "
        )
        raise Fault(where, f"{problem}valid Unicode", "Remove it.") from None
