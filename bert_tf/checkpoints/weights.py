"""Reading, comparing and assigning a model's weights by path."""

import dataclasses
import re

import numpy as np

from bert_tf.ground import lazy

keras = lazy("keras")

_LAYER = re.compile(r"bert/encoder/layer_(\d+)/(.+)")


@dataclasses.dataclass(frozen=True)
class Report:
    """Compares the weights of a checkpoint with those of a model.

    Args:
        loaded: paths that both have, in the same shape.
        missing: paths that only the model has.
        unexpected: paths that only the checkpoint has.
        misshaped: {path: (shape in the model, shape in the checkpoint)}.
    """

    loaded: list[str]
    missing: list[str]
    unexpected: list[str]
    misshaped: dict[str, tuple]

    @property
    def new(self):
        """Paths of the model that keep their initial values."""
        return [*self.missing, *self.misshaped]

    def __str__(self):
        shapes = [
            f"{path} {list(received)} for {list(expected)}"
            for path, (expected, received) in self.misshaped.items()
        ]
        parts = [f"{len(self.loaded)} arrays fit"]
        for title, names in (
            ("missing", self.missing),
            ("of another shape", shapes),
            ("not used", self.unexpected),
        ):
            if names:
                parts.append(f"{len(names)} {title}: {first_few(names)}")
        return "; ".join(parts) + "."


def first_few(names, count=4):
    """Returns the first `count` names, and how many more there are."""
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")


def weights_by_path(model):
    """Returns {path: variable} of a built model, without its seed states.

    A path is the published name. If all paths begin with the name of the model, that name
    is removed, except `bert/`, the scope of Google's encoder. Weights in the
    `unused_scopes` of the model, if it has this attribute, are left out.

    Raises:
        ValueError: the model is not built, or two weights have the same path.
    """
    outer = f"{model.name}/"
    weights = model.weights
    if not weights:
        raise ValueError(
            f"model {model.name!r} has no weights yet; build it or call it first."
        )
    if outer == "bert/" or not all(weight.path.startswith(outer) for weight in weights):
        outer = ""
    named = {weight.path.removeprefix(outer): weight for weight in weights}
    if len(named) < len(weights):
        raise ValueError(
            f"{len(weights)} weights of model {model.name!r} have only {len(named)} "
            "different paths; give its layers different names."
        )
    unused = getattr(model, "unused_scopes", ())
    return {p: weight for p, weight in named.items() if not p.startswith(unused)}


def read_model(model):
    """Returns {path: NumPy array} of a built model, in the dtypes of its variables."""
    named = weights_by_path(model)
    return {
        path: np.asarray(keras.ops.convert_to_tensor(weight))
        for path, weight in named.items()
    }


def compare(model, arrays):
    """Returns the `Report` of {path: array} and a built model."""
    named = weights_by_path(model)
    shared = [path for path in named if path in arrays]
    misshaped = {
        path: (tuple(named[path].shape), tuple(np.shape(arrays[path])))
        for path in shared
        if tuple(named[path].shape) != tuple(np.shape(arrays[path]))
    }
    return Report(
        loaded=[path for path in shared if path not in misshaped],
        missing=[path for path in named if path not in arrays],
        unexpected=[path for path in arrays if path not in named],
        misshaped=misshaped,
    )


def find_integers(arrays):
    """Returns the paths of arrays of integers: of a quantised model, without scales."""
    return [p for p, array in arrays.items() if np.asarray(array).dtype.kind in "iub"]


def find_not_finite(model, arrays):
    """Returns the paths of arrays whose weights would be NaN or infinite.

    Args:
        model: built Keras model.
        arrays: {path: array}, of paths that the model has.
    """
    named = weights_by_path(model)
    return [p for p, array in arrays.items() if not _fits(array, named[p].dtype)]


def _fits(array, dtype):
    """Returns whether all numbers are finite in a Keras dtype, in two quick passes."""
    if not array.size:
        return True
    # bfloat16 has the range of float32.
    limit = np.finfo("float16" if dtype == "float16" else "float32").max
    # NaN is the minimum of any array that holds it, and no comparison with it is true.
    return bool(array.min() >= -limit and array.max() <= limit)


def assign(model, arrays):
    """Assigns {path: array} to weights that the model has, cast to their dtype."""
    named = weights_by_path(model)
    for path, array in arrays.items():
        named[path].assign(array)


def select_layers(arrays, kept):
    """Returns the arrays of a model that has only some of the layers, renumbered.

    Args:
        arrays: {path: array} of the whole model.
        kept: numbers of the layers, from 0, in the order of the smaller model.
    """
    chosen = {}
    for path, array in arrays.items():
        layer = _LAYER.fullmatch(path)
        if not layer:
            chosen[path] = array
        elif int(layer[1]) in kept:
            chosen[f"bert/encoder/layer_{kept.index(int(layer[1]))}/{layer[2]}"] = array
    return chosen
