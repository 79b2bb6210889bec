"""Reads and checks requests: their JSON, their texts, and TensorFlow Serving's form.

All raise `Refused` with status 400 for what is malformed, 413 for what exceeds a limit.
"""

from bert_tf.ground import quote, quote_all, show
from bert_tf.json_files import json_value, parse_json
from bert_tf.serving.limits import Refused, check_limit

# Inputs of which a record has a list, and the fewest texts of it.
LISTS = {"choices": 2, "passages": 1}
_BODIES = (
    'the request must be an object with either "instances", a list, or "inputs", an '
    "object of lists"
)


def parse(body, fields, limits):
    """Returns (inputs, whether the response is in columns) of the body of a request.

    Args:
        body: bytes.
        fields: names of the inputs.
        limits: `Limits`.

    Returns:
        {field: list}, and True for the format with "inputs".
    """
    content = read_object(body)
    if len({"instances", "inputs"} & content.keys()) != 1:
        raise _bad(_BODIES)
    if content.get("signature_name", "serving_default") != "serving_default":
        raise _bad("this server has only the signature serving_default")
    if "inputs" in content:
        inputs = _read_columns(content["inputs"], fields)
    else:
        inputs = _read_rows(content["instances"], fields)
    for name, values in inputs.items():
        check_texts(name, values, limits)
    if len({len(values) for values in inputs.values()}) > 1:
        raise _bad(f"the lists {' and '.join(fields)} must have the same length")
    return inputs, "inputs" in content


def read_object(body, keys=()):
    """Returns the JSON object of a body, as a dict.

    Args:
        body: bytes.
        keys: names that it may have; () for any.
    """
    try:
        content = parse_json(body, "the request")
    except ValueError as error:
        raise _bad(str(error)) from None
    for key in content:
        if keys and key not in keys:
            raise _bad(
                f"the request may have {quote_all(keys)}; received {quote(key)}."
            )
    return content


def read_value(content, key, kind, default):
    """Returns the value of a key of a request, the default if it is absent or null.

    Args:
        content: dict of `read_object`.
        key: the key.
        kind: str, int or bool.
        default: returned if the key is absent.
    """
    try:
        return json_value(content, key, kind, "the request", default)
    except ValueError as error:
        raise _bad(str(error)) from None


def read_texts(content, key, limits):
    """Returns the texts of a key of a request, a list; it may hold one string.

    Neither the list nor a text may be empty.
    """
    values = content.get(key)
    values = [values] if isinstance(values, str) else values
    if not isinstance(values, list):
        received = show(values) if key in content else "none"
        raise _bad(f"{key} must be a string or a list of strings; received {received}")
    if values and type(values[0]) in (int, list):
        raise _bad(
            f"{key} must be text; token ids are not read, because those of another "
            "vocabulary would mean other words. Let the client send strings."
        )
    check_texts(key, values, limits)
    if not values or not all(values):
        raise Refused(400, f"{key} must have at least one text, none empty", "empty")
    return values


def _bad(reason):
    return Refused(400, reason)


def _read_columns(inputs, fields):
    if isinstance(inputs, list) and len(fields) == 1:
        inputs = {fields[0]: inputs}
    if not isinstance(inputs, dict) or inputs.keys() != set(fields):
        raise _bad(f"inputs must have a list for {' and '.join(fields)}")
    return {name: inputs[name] for name in fields}


def _read_rows(rows, fields):
    if not isinstance(rows, list):
        raise _bad("instances must be a list")
    if len(fields) == 1:  # The name of a single field may be omitted.
        rows = [row if isinstance(row, dict) else {fields[0]: row} for row in rows]
    if not all(isinstance(row, dict) and row.keys() == set(fields) for row in rows):
        raise _bad(f"each instance must have {' and '.join(fields)}")
    return {name: [row[name] for row in rows] for name in fields}


def check_texts(name, values, limits):
    """Checks a list of texts, or of lists of choices or passages."""
    if not isinstance(values, list):
        raise _bad(f"{name} must be a list")
    check_limit(limits, "max_records", len(values), "records of a request")
    if least := LISTS.get(name):
        if not all(isinstance(value, list) and len(value) >= least for value in values):
            fewest = "two texts" if least == 2 else "one text"
            raise _bad(f"{name} must be lists of at least {fewest}")
        most = max(map(len, values), default=0)
        check_limit(limits, "max_choices", most, f"{name} of a record")
        if len(set(map(len, values))) > 1:
            raise _bad(f"all records need the same number of {name}")
        values = [text for value in values for text in value]
    for text in values:
        if not isinstance(text, str):
            raise _bad(f"{name} must be text; received {show(text)}")
        check_limit(limits, "max_characters", len(text), "characters of a text")
