"""A model's weights by path: read, compare, assign."""

import dataclasses

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Report:
    """What a checkpoint has for a model; printed, one short block."""

    loaded: list[str]  # Paths that both have, in the same shape.
    missing: list[str]  # Paths of the model that the checkpoint lacks.
    unexpected: list[str]  # Names in the checkpoint that the model has no place for.
    misshaped: dict[str, tuple]  # Path: (the model's shape, the checkpoint's).

    @property
    def new(self):
        """Paths of the model that stay as initialised."""
        return [*self.missing, *self.misshaped]

    def __str__(self):
        shapes = [
            f"{path} {list(received)} for {list(wanted)}"
            for path, (wanted, received) in self.misshaped.items()
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
    """Lists names, the first `count` of them in full."""
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")


def weights_by_path(model):
    """Returns {path: variable} of a built model, without the states of its seeds.

    Weights in `unused_scopes` of the model, where it has some, are left out.

    A path is the published name: where all paths begin with the model's own name, that
    scope is dropped (but `bert/` itself, the scope of Google's encoder, stays).

    Raises:
        ValueError: the model is not built, or two weights share a path.
    """
    outer = f"{model.name}/"
    weights = model.weights
    if not weights:
        raise ValueError(f"model {model.name!r} has no weights yet; build or call it.")
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
    """Returns {path: NumPy array} of a built model, in the variables' own types."""
    named = weights_by_path(model)
    return {
        path: np.asarray(keras.ops.convert_to_tensor(weight))
        for path, weight in named.items()
    }


def compare(model, arrays):
    """Returns the `Report` that `assign` would give, and changes nothing."""
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


def assign(model, arrays):
    """Assigns {path: array} to the weights they fit, cast to each one's type.

    Returns:
        `Report`; what is missing or has another shape stays as it is.
    """
    report = compare(model, arrays)
    named = weights_by_path(model)
    for path in report.loaded:
        named[path].assign(arrays[path])
    return report
