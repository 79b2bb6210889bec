"""The Dense modules of sentence-transformers: layers between the pooling and the embedding.

Each has a folder of its own, 2_Dense, 3_Dense and so on, with a config.json and the weights.
Our paths of the weights begin with the name of the folder: 2_Dense/kernel, 2_Dense/bias.
"""

import json
import pathlib
import re

from bert_tf.checkpoints import formats
from bert_tf.ground import show, write_text
from bert_tf.json_files import json_value, read_json

FOLDER = re.compile(r"[2-9]_Dense")
# {name in Keras: what config.json calls it}
_ACTIVATIONS = {
    "tanh": "torch.nn.modules.activation.Tanh",
    "linear": "torch.nn.modules.linear.Identity",
}
WEIGHTS, _PICKLE = "model.safetensors", "pytorch_model.bin"
_NAMES = {"linear.weight": "kernel", "linear.bias": "bias"}
_EMBEDDING = "sentence_embedding"


def read(folder, width):
    """Reads the settings of a Dense module without its weights.

    Args:
        folder: `pathlib.Path` of the module.
        width: size of the vectors that it takes.

    Returns:
        dict, see `check`; or a string that says what bert_tf does not compute.

    Raises:
        OSError, ValueError: config.json is missing or invalid, or is not for vectors of
            this width or for these weights.
    """
    file = folder / "config.json"
    values = read_json(file)
    sizes = [
        json_value(values, key, int, file) for key in ("in_features", "out_features")
    ]
    bias = json_value(values, "bias", bool, file, True)
    activation = json_value(
        values, "activation_function", str, file, _ACTIVATIONS["tanh"]
    )
    if sizes[0] != width:
        raise ValueError(
            f"{file}: in_features is {sizes[0]}, but the module before gives vectors of "
            f"{width} numbers. Copy the whole folder again."
        )
    for key in ("module_input_name", "module_output_name"):
        if (name := json_value(values, key, str, file, _EMBEDDING)) != _EMBEDDING:
            return f"Dense with {key} {show(name)} ({file})"
    keras = {theirs: ours for ours, theirs in _ACTIVATIONS.items()}
    if activation not in keras:
        return f"Dense with activation_function {show(activation)} ({file})"
    if not FOLDER.fullmatch(folder.name):
        return f"Dense in a folder that is not called 2_Dense to 9_Dense ({folder})"
    weights = folder / WEIGHTS
    if not weights.is_file() and (folder / _PICKLE).is_file():
        return f"Dense with its weights as {_PICKLE} only, a pickle ({folder})"
    expected = {"linear.weight": sizes[::-1]} | (
        {"linear.bias": sizes[1:]} if bias else {}
    )
    shapes = {name: list(shape) for name, shape in formats.read_shapes(weights).items()}
    if shapes != expected:
        raise ValueError(
            f"{weights} holds {_describe(shapes)}, but config.json beside it says "
            f"{_describe(expected)}. Copy the whole folder again."
        )
    return {
        "name": folder.name,
        "out_features": sizes[1],
        "bias": bias,
        "activation": keras[activation],
    }


def check(entries, source):
    """Checks the settings of the Dense modules of an embedder, in their order.

    Args:
        entries: list of dicts: `name` of the folder, `out_features`, `bias`, `activation`
            ("tanh" or "linear"), and `normalize`: whether its inputs are scaled to length 1.
        source: what the settings are from, named in errors.

    Returns:
        the list, complete.

    Raises:
        ValueError: a key is missing or of another type; a name occurs twice.
    """
    checked = []
    for number, entry in enumerate(entries):
        key = f"dense[{number}]"
        place, entry = f"{source}: {key}", json_value({key: entry}, key, dict, source)
        kinds = {"name": str, "out_features": int, "bias": bool, "activation": str}
        values = {
            key: json_value(entry, key, kind, place) for key, kind in kinds.items()
        }
        values["normalize"] = json_value(entry, "normalize", bool, place, False)
        wrong = {
            "name": not FOLDER.fullmatch(values["name"])
            or any(values["name"] == other["name"] for other in checked),
            "out_features": values["out_features"] < 1,
            "activation": values["activation"] not in _ACTIVATIONS,
        }
        for key in filter(wrong.get, wrong):
            raise ValueError(
                f"{place}: {key} is {show(values[key])}; name must be 2_Dense to "
                "9_Dense, another for each, out_features at least 1, and activation tanh or linear."
            )
        checked.append(values)
    return checked


def read_arrays(path):
    """Returns {our path: array} of the Dense modules that a folder has beside its weights."""
    arrays = {}
    for folder in sorted(path.glob("*_Dense")):
        if FOLDER.fullmatch(folder.name) and (folder / WEIGHTS).is_file():
            named = formats.read_safetensors(folder / WEIGHTS)
            for name, array in named.items():
                array = array.T if name == "linear.weight" else array
                arrays[f"{folder.name}/{_NAMES.get(name, name)}"] = array
    return arrays


def is_dense(path):
    """Returns whether one of our paths is that of a weight of a Dense module."""
    return bool(FOLDER.fullmatch(path.split("/")[0]))


def split(arrays):
    """Returns the arrays of a model without those of Dense modules, and these."""
    dense = {path: array for path, array in arrays.items() if is_dense(path)}
    return {path: x for path, x in arrays.items() if path not in dense}, dense


def write_arrays(path, arrays):
    """Writes {our path: array} of Dense modules into their folders in a model folder."""
    names = {ours: theirs for theirs, ours in _NAMES.items()}
    folders = {}
    for own, array in arrays.items():
        folder, _, name = own.partition("/")
        array = array.T if name == "kernel" else array
        folders.setdefault(folder, {})[names[name]] = array
    for folder, named in folders.items():
        (pathlib.Path(path) / folder).mkdir(exist_ok=True)
        formats.write_safetensors(pathlib.Path(path) / folder / WEIGHTS, named)


def write_config(path, entry, width):
    """Writes config.json of a Dense module into its folder in a model folder.

    Args:
        path: `pathlib.Path` of the model folder.
        entry: dict, see `check`.
        width: size of the vectors that it takes.
    """
    values = {
        "in_features": width,
        "out_features": entry["out_features"],
        "bias": entry["bias"],
        "activation_function": _ACTIVATIONS[entry["activation"]],
    }
    (path / entry["name"]).mkdir(exist_ok=True)
    file = path / entry["name"] / "config.json"
    write_text(file, json.dumps(values, indent=2) + "\n")


def _describe(shapes):
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "nothing"
