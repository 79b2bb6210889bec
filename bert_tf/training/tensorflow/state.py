"""The tensors of checkpoints: `ckpt-N.index` and `ckpt-N.data-*`, as TensorFlow writes them."""

import tensorflow as tf

from bert_tf.disk import literal, remove
from bert_tf.training import checkpoints


class Checkpoints(checkpoints.Checkpoints):
    """Checkpoints of variables, which are kept by path.

    A list would be restored by position, which another version of the model may order
    differently.

    Args:
        output_dir, limit: as of the base class.
        weights: {path: variable}, the weights of the model that train.
        parts: {name: {name: variable}}, all other tensors that a resumed run needs.
    """

    engine = "tensorflow"
    # The reader raises an IndexError for a file that is too short, and an AssertionError or
    # a ValueError for variables of other names or shapes.
    damage = (tf.errors.OpError, IndexError, OSError, AssertionError, ValueError)

    def __init__(self, output_dir, weights, *, limit, **parts):
        super().__init__(output_dir, limit=limit)
        self._state = tf.train.Checkpoint(model=weights, **parts)
        self._best = tf.train.Checkpoint(model=weights)
        tensors = tf.nest.flatten([weights, parts])
        self._sizes = [sum(map(_bytes, group)) for group in (tensors, weights.values())]

    def read(self, path, best=False):
        checkpoint = self._best if best else self._state
        with literal(path.parent) as folder:
            checkpoint.read(str(folder / path.name)).assert_consumed()

    def write(self, path, best=False):
        checkpoint = self._best if best else self._state
        try:
            checkpoint.write(str(path))
        except tf.errors.OpError:
            for part in path.parent.glob(f"{path.name}_temp"):
                remove(part)
            raise

    def check(self, path):
        with literal(path.parent) as folder:
            reader = tf.train.load_checkpoint(str(folder / path.name))
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)

    def size(self, best=False):
        return self._sizes[best]


def _bytes(variable):
    return variable.shape.num_elements() * variable.dtype.size
