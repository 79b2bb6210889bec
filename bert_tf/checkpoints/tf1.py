"""Name-based TensorFlow checkpoints, as TF1's Saver and google-research/bert write them.

The path `bert_model.ckpt` is the common prefix of two files: `.index` (names, shapes and
offsets) and `.data-00000-of-00001` (the numbers). A `.meta` file (the graph) is not used.
"""

import contextlib
import pathlib
import tempfile

import numpy as np

from bert_tf.disk import literal
from bert_tf.ground import lazy, reason

tf = lazy("tensorflow")


def read(path):
    """Reads a name-based TensorFlow checkpoint.

    The state of training is skipped: slots of the optimizer (`X/adam_m` of a weight `X`)
    and counters (scalars).

    Args:
        path: common prefix of the files, such as `folder/bert_model.ckpt`.

    Returns:
        {name: array}; float16 and bfloat16 become float32.

    Raises:
        FileNotFoundError: the index or the data file is missing.
        ValueError: the files are corrupt, or are an object-based checkpoint (TF2);
            TensorFlow is not installed.
    """
    with _opened(path) as (reader, shapes):
        arrays = {name: reader.get_tensor(name) for name in shapes}
    return {
        name: array.astype(np.float32) if array.dtype.itemsize == 2 else array
        for name, array in arrays.items()
    }


def read_shapes(path):
    """Returns {name: shape} of the arrays that `read` returns, from the index alone."""
    with _opened(path) as (_, shapes):
        return shapes


def find(path):
    """Raises FileNotFoundError if the index or the data of a checkpoint is missing."""
    path = pathlib.Path(path)
    index, data = (path.with_name(path.name + end) for end in (".index", ".data-"))
    if not index.is_file():
        raise FileNotFoundError(f"there is no checkpoint index {index}.")
    if not any(file.name.startswith(data.name) for file in path.parent.iterdir()):
        raise FileNotFoundError(
            f"{index} only lists the arrays; their numbers are in {data.name}"
            "00000-of-00001, which is missing. Copy it into the same folder."
        )


@contextlib.contextmanager
def _opened(path):
    """Yields a checkpoint's reader, and {name: shape} without the state of training."""
    path = pathlib.Path(path)
    find(path)
    _require_tensorflow(path)
    try:
        with literal(path) as prefix:
            reader = tf.train.load_checkpoint(str(prefix))
            shapes = reader.get_variable_to_shape_map()
            if "_CHECKPOINTABLE_OBJECT_GRAPH" in shapes:
                raise ValueError(
                    f"{path} is a checkpoint of objects (tf.train.Checkpoint), whose "
                    "names depend on the program that wrote it. bert_tf reads only "
                    "checkpoints of names, such as google-research/bert's. Load it with "
                    "that program and save the weights as safetensors."
                )
            weights = {
                name: shapes[name]
                for name in sorted(shapes)
                if shapes[name] and name.rpartition("/")[0] not in shapes
            }
            yield reader, weights
    except (tf.errors.OpError, RuntimeError, IndexError) as error:
        raise ValueError(
            f"{path} is cut short or corrupt ({reason(error)}). Copy or download it again."
        ) from None


def _require_tensorflow(path):
    try:
        return tf.train
    except ImportError:
        raise ValueError(
            f"{path}: checkpoints of this format need TensorFlow: run pip install "
            "tensorflow, or pass a folder with safetensors."
        ) from None


def write(path, arrays):
    """Writes {name: array} as a name-based checkpoint; see `read`."""
    path = pathlib.Path(path)
    _require_tensorflow(path)
    names = sorted(arrays)
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        with tf.device("CPU:0"):
            tf.raw_ops.SaveV2(
                prefix=f"{beside}/{path.name}",
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                tensors=[tf.constant(np.asarray(arrays[name])) for name in names],
            )
        # Sorted, the index comes last, so a folder that has it is complete.
        for file in sorted(pathlib.Path(beside).iterdir()):
            file.replace(path.parent / file.name)
