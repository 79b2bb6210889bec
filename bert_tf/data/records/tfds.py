"""Data sets of TensorFlow Datasets by name: a split becomes records."""

import contextlib
import json
import sys

import numpy as np

from bert_tf.data.records.columns import want
from bert_tf.data.records.objects import read_objects
from bert_tf.data.records.tables import Table, complete
from bert_tf.ground import did_you_mean, quote, quote_all


def read_tfds(
    name,
    split,
    *,
    data_dir=None,
    text_column=None,
    text_pair_column=None,
    label_column=None,
    many_labels=False,
    columns=None,
):
    """Reads a split of a TFDS data set, and prepares the set where it is not yet.

    Args:
        name: such as "glue/sst2".
        split: such as "train" or "train[:90%]".
        data_dir: where prepared data lie; None is TFDS's own place.
        text_column, text_pair_column, label_column, many_labels, columns: as in
            `readers.read_table`; columns are features. Class numbers become names.

    Returns:
        A `Table`, lines of which are the places in the split, counted from 1.

    Raises:
        ValueError: no such data set or split, or one that cannot be had; a feature
            that is no text or number; labels that the split does not tell.
    """
    builder = _prepared(name, data_dir)
    where = f"{name}, {split}"
    splits = quote_all(builder.info.splits)
    try:
        examples = builder.as_dataset(split=split)
    except (ValueError, KeyError):
        raise ValueError(
            f"{name}: there is nothing in the split {split!r}; the splits are {splits}."
        ) from None
    features = dict(builder.info.features)
    objects = [
        {
            feature: _plain(features[feature], value)
            for feature, value in example.items()
        }
        for example in examples.as_numpy_iterator()
    ]
    wanted = want(
        True,
        columns,
        many_labels=many_labels,
        text=text_column,
        text_pair=text_pair_column,
        label=label_column,
    )
    places = list(range(1, len(objects) + 1))
    chosen, records = read_objects(
        where, objects, places, wanted, many_labels, unit="example"
    )
    table = Table(where, records, places, chosen, "TensorFlow Datasets", "example")
    # A list may be empty; a single class may be missing.
    return complete(
        table, many_labels=many_labels, no_label=None if many_labels else ""
    )


def _prepared(name, data_dir):
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders()
        move = did_you_mean(name, known, "tfds.list_builders() names those there are.")
        raise ValueError(f"TFDS has no data set {name!r}. {move}") from None
    except ValueError as error:
        raise ValueError(f"TFDS cannot read {name!r}: {_first(error)}.") from None
    if not builder.data_path.exists():
        try:
            with contextlib.redirect_stdout(sys.stderr):  # TFDS tells how it goes.
                builder.download_and_prepare()
        # Of whatever kind: a server, a disk, a package that a builder wants.
        except Exception as error:  # noqa: BLE001
            raise ValueError(
                f"{name} is not prepared in {quote(str(builder.data_path), 200)}, and "
                f"that failed: {_first(error)}. Prepare it where there is a network "
                f"(tfds build {name}) and pass its folder as tfds_data_dir."
            ) from None
    return builder


def _first(error):
    """The beginning of a message, which may be pages long."""
    text = " ".join(str(error).split()).rstrip(".:") or type(error).__name__
    return text if len(text) <= 200 else f"{text[:199]}…"


def _plain(feature, value):
    """A value as a JSON file would have it, so that both are read alike."""
    if hasattr(feature, "feature"):  # Sequence; it passes on what its parts can.
        inner = feature.feature
        return [_plain(inner, part) for part in value] if np.ndim(value) == 1 else None
    if hasattr(feature, "int2str"):  # ClassLabel.
        # -1 is no class: annotators did not agree, or a test keeps its secret.
        return feature.int2str(int(value)) if value >= 0 else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if np.ndim(value) or isinstance(value, dict):
        return None
    return json.dumps(bool(value)) if value.dtype == bool else str(value)
