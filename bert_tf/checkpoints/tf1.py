"""TensorFlow checkpoints of names and arrays, as TF1's Saver and google-research/bert write.

`bert_model.ckpt` is the common beginning of its files: `.index` (a table of names, shapes
and places) and `.data-00000-of-00001` (the numbers). A `.meta` (the graph) is not needed.
"""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf


def read(path):
    """Reads a TensorFlow checkpoint of names and arrays, as TF1's Saver writes it.

    What training leaves beside the weights is not read: slots of the optimizer
    (`X/adam_m` beside `X`) and counters (numbers without a shape).

    Args:
        path: the files' common beginning, such as `folder/bert_model.ckpt`.

    Returns:
        {name: array}; float16 and bfloat16 come as float32.

    Raises:
        FileNotFoundError: the index or the data file is not there.
        ValueError: the files are corrupt, or a checkpoint of objects (TF2).
    """
    find(path)
    try:
        reader = tf.train.load_checkpoint(str(path))
        shapes = reader.get_variable_to_shape_map()
        if "_CHECKPOINTABLE_OBJECT_GRAPH" in shapes:
            raise ValueError(
                f"{path} is a checkpoint of objects (tf.train.Checkpoint), whose names "
                "depend on the program that wrote it; readable is one of names, as "
                "google-research/bert publishes. Save the model as safetensors there."
            )
        arrays = {
            name: reader.get_tensor(name)
            for name in sorted(shapes)
            if shapes[name] and name.rpartition("/")[0] not in shapes
        }
    except (tf.errors.OpError, RuntimeError, IndexError) as error:
        cause = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"{path} is cut short or corrupt ({cause}). Copy or download it again."
        ) from None
    return {
        name: array.astype(np.float32) if array.dtype.itemsize == 2 else array
        for name, array in arrays.items()
    }


def find(path):
    """Raises FileNotFoundError where a checkpoint's index or data is not there."""
    path = pathlib.Path(path)
    index, data = (path.with_name(path.name + end) for end in (".index", ".data-"))
    if not index.is_file():
        raise FileNotFoundError(f"there is no checkpoint index {index}.")
    if not any(file.name.startswith(data.name) for file in path.parent.iterdir()):
        raise FileNotFoundError(
            f"{index} only lists the arrays; their numbers are in {data.name}"
            "00000-of-00001, which is not there. Put it beside the index."
        )


def write(path, arrays):
    """Writes {name: array} as a checkpoint for TF1's loaders; see `read`."""
    path = pathlib.Path(path)
    names = sorted(arrays)
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        with tf.device("CPU:0"):
            tf.raw_ops.SaveV2(
                prefix=f"{beside}/{path.name}",
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                tensors=[tf.constant(np.asarray(arrays[name])) for name in names],
            )
        # In the alphabet's order, the index comes last: where it is, the numbers are.
        for file in sorted(pathlib.Path(beside).iterdir()):
            file.replace(path.parent / file.name)
