"""The tensors of training, and their checkpoints: one safetensors file each."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from bert_tf.ground import replacing
from bert_tf.training import checkpoints


class State:
    """What an update changes, equal on all devices.

    The model's own variables hold it only after `put_into_model`, because an update takes
    the memory of the tensors before it.

    Args:
        model: built Keras model; its trainable variables train.
        devices: `Devices`.
        averages: whether to keep averages of the weights.

    Attributes:
        tensors: dict of `step`, int32, updates made; and of `weights`, `means`, `squares`
            and perhaps `averages`, {path: float32 array}.
        frozen: values of the variables that do not train, in the model's order.
    """

    def __init__(self, model, devices, *, averages=False):
        self._model, self._devices = model, devices
        weights = {weight.path: weight.value for weight in model.trainable_variables}
        zeros = {path: np.zeros(w.shape, w.dtype) for path, w in weights.items()}
        parts = {"weights": weights, "means": zeros, "squares": zeros}
        parts |= {"averages": weights} if averages else {}
        self.tensors = jax.tree.map(
            devices.replicate, {"step": np.zeros((), np.int32)} | parts
        )
        self.frozen = [
            devices.replicate(variable.value)
            for variable in model.non_trainable_variables
        ]

    def put_into_model(self, part="weights"):
        """Gives the model's variables copies of a part of `tensors`."""
        for variable in self._model.trainable_variables:
            array = self.tensors[part][variable.path]
            variable.assign(jnp.array(array.addressable_data(0), copy=True))

    def arrays(self):
        """Returns {name: NumPy array} of all tensors, named "weights/…" and so on."""
        return {
            name: np.asarray(array.addressable_data(0))
            for name, array in _flatten(self.tensors).items()
        }

    def assign(self, arrays):
        """Sets all tensors; the arrays are as `arrays` returns them.

        Raises:
            ValueError: an array is missing, or has another shape.
        """
        expected = _flatten(self.tensors)
        _check_shapes(arrays, expected)
        placed = {name: self._devices.replicate(arrays[name]) for name in expected}
        self.tensors = {
            part: {path: placed[f"{part}/{path}"] for path in group}
            if isinstance(group, dict)
            else placed[part]
            for part, group in self.tensors.items()
        }


class Checkpoints(checkpoints.Checkpoints):
    """Checkpoints of a `State`.

    The best weights are those of the model, under the paths of its variables.

    Args:
        output_dir, limit: as of the base class.
        state: `State`.
        model: the model of the state.
    """

    engine = "jax"

    def __init__(self, output_dir, state, model, *, limit):
        super().__init__(output_dir, limit=limit)
        self._state, self._model = state, model

    def _best(self):
        return {w.path: np.asarray(w.value) for w in self._model.trainable_variables}

    def read(self, path, best=False):
        arrays = _read(path)
        if not best:
            self._state.assign(arrays)
            return
        _check_shapes(arrays, self._best())
        for weight in self._model.trainable_variables:
            weight.assign(arrays[weight.path])

    def write(self, path, best=False):
        _write(path, self._best() if best else self._state.arrays())

    def check(self, path):
        _check_shapes(_read(path), self._best())

    def size(self, best=False):
        arrays = self._best() if best else _flatten(self._state.tensors)
        return sum(array.nbytes for array in arrays.values())


def _flatten(tensors):
    flat = {}
    for part, group in tensors.items():
        if isinstance(group, dict):
            flat |= {f"{part}/{path}": array for path, array in group.items()}
        else:
            flat[part] = group
    return flat


def _check_shapes(arrays, expected):
    for name, array in expected.items():
        if name not in arrays:
            raise ValueError(f"{name} is missing")
        if arrays[name].shape != array.shape:
            raise ValueError(
                f"{name} has shape {list(arrays[name].shape)}, not {list(array.shape)}"
            )


def _write(path, arrays):
    """Writes {name: array} as `path`.safetensors, with a checksum of their bytes."""
    with replacing(path.with_name(f"{path.name}.safetensors")) as beside:
        beside.touch()
        mode = beside.stat().st_mode
        checksum = {"crc32": str(_checksum(arrays))}
        safetensors.numpy.save_file(arrays, beside, metadata=checksum)
        beside.chmod(mode)  # The writer creates a file that only its owner can read.


def _read(path):
    """Returns {name: array} of `path`.safetensors; an OSError or ValueError if damaged."""
    path = path.with_name(f"{path.name}.safetensors")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            checksum = (file.metadata() or {}).get("crc32")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if checksum != str(_checksum(arrays)):
        raise ValueError(f"{path.name}: its numbers do not have its checksum")
    return arrays


def _checksum(arrays):
    checksum = 0
    for name in sorted(arrays):
        checksum = zlib.crc32(np.ascontiguousarray(arrays[name]).data, checksum)
    return checksum
