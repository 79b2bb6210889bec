"""JSON of other programs and of people, read strictly, with errors of one line.

Any part of the package may import this module, as `ground`.
"""

import collections
import json
import math
import re

from bert_tf.disk import check_file
from bert_tf.ground import quote, show

_KINDS = {
    dict: "a JSON object, {…}",
    list: "a JSON list, […]",
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}
_LEVELS = 100  # So that no later step, such as a copy, recurses too deeply.
_MOST_BYTES = 2**26
_REQUIRED = object()


def read_json(path, kind=dict):
    """Reads a JSON file; see `parse_json`.

    Raises:
        OSError, ValueError: the file is missing, cannot be read, or is not such JSON.
    """
    path = check_file(path)
    if (size := path.stat().st_size) > _MOST_BYTES:
        raise ValueError(
            f"{path} has {size:,} bytes; a file of settings has at most {_MOST_BYTES:,}."
        )
    return parse_json(path.read_bytes(), path, kind)


def parse_json(text, source, kind=dict):
    """Parses JSON of RFC 8259: no NaN, no repeated key, no number beyond a float's range.

    Args:
        text: bytes of UTF-8, perhaps with a byte order mark, or str.
        source: what the text is from, named in errors.
        kind: type of the whole, dict or list.

    Raises:
        ValueError: one line with the source and what is wrong.
    """
    too_deep = f"{source} nests more than {_LEVELS} objects or lists."
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_constant=_number,
            parse_float=_number,
            parse_int=_whole_number,
        )
        if re.search(r"\\u[dD][89a-fA-F]", text):  # Perhaps half of a pair alone.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{source} is not UTF-8 at byte {error.start}.") from None
    except UnicodeEncodeError:
        raise ValueError(f"{source} escapes half of a character (\\ud800).") from None
    except json.JSONDecodeError as error:
        cause = "it is empty" if not text.strip() else error
        raise ValueError(f"{source} is not JSON: {cause}.") from None
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    except RecursionError:
        raise ValueError(too_deep) from None
    if _is_deep(value):
        raise ValueError(too_deep)
    if type(value) is not kind:
        wanted = _KINDS[kind]
        raise ValueError(f"{source} must hold {wanted}; received {show(value)}.")
    return value


def json_value(values, key, kind, source, default=_REQUIRED):
    """Returns the value of a key of a JSON object, of the right type.

    Args:
        values: dict of `read_json`.
        key: the key.
        kind: dict, list, str, int, float or bool; a float may be written as an int.
        source: what the object is from, named in errors.
        default: returned if the key is absent or null; required if it is not given.

    Raises:
        ValueError: one line with the source, the key and the value.
    """
    value = values.get(key)
    if value is None and default is not _REQUIRED:
        return default
    right = isinstance(value, int | float if kind is float else kind)
    if not right or (isinstance(value, bool) and kind is not bool):
        wanted = _KINDS[kind]
        received = show(value) if key in values else "none"
        raise ValueError(f"{source}: {key} must be {wanted}; received {received}.")
    return value


def defined(value):
    """Returns a value as JSON can hold it: numbers that are not finite become None.

    Those are figures that are not defined, such as the loss of words if no word of the
    evaluation data has a token, or a gradient norm that overflows float32.
    """
    if isinstance(value, dict):
        return {name: defined(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [defined(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _without_repeats(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = collections.Counter(key for key, _ in pairs)
        repeated = keys.most_common(1)[0][0]
        raise ValueError(f"the key {quote(repeated)} occurs more than once.")
    return values


def _number(digits):
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{quote(digits, 30)} is no number that JSON can hold.")
    return number


def _whole_number(digits):
    if len(digits) > 300:  # So many that neither a float nor `int` may take them.
        _number(digits)
    return int(digits)


def _is_deep(value):
    level = [value]
    for _ in range(_LEVELS):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return bool(level)
