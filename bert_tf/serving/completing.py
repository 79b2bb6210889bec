"""What a model takes beside the ids of padded examples, and what it then computes."""

from bert_tf.ground import lazy

tf = lazy("tensorflow")


def add_places(task, batch):
    """Adds `places`: all tokens of each padded example."""
    places = tf.range(tf.shape(batch["input_ids"])[1])[None]
    return batch | {"places": tf.where(batch["input_mask"] > 0, places, -1)}


def add_mask_places(task, batch):
    """Adds `mask_places`: the [MASK] tokens of each padded example."""
    places = tf.range(tf.shape(batch["input_ids"])[1])[None]
    is_mask = batch["input_ids"] == task.tokenizer.mask_id
    return batch | {"mask_places": tf.where(is_mask, places, -1)}


def infer_padded(task, model, batch, in_file):
    """Returns the outputs of a model by name, for a padded batch."""
    return task.infer(model, batch)
