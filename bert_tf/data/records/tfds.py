"""Reads a split of a TensorFlow Datasets (TFDS) data set as records."""

import contextlib
import json
import socket
import sys
import urllib.parse
import urllib.request

import numpy as np

from bert_tf.data.records.columns import make_request
from bert_tf.data.records.faults import Faults
from bert_tf.data.records.objects import read_objects
from bert_tf.data.records.tables import Table, complete
from bert_tf.ground import did_you_mean, quote, quote_all, reason


def read_tfds(name, split, *, data_dir=None, **options):
    """Reads a split of a TFDS data set, and prepares the data set if necessary.

    Args:
        name: name of the data set, such as "glue/sst2".
        split: such as "train" or "train[:90%]".
        data_dir: folder of prepared data sets; None means TFDS's default.
        options: `text_column`, `text_pair_column`, `label_column`, `many_labels`,
            `columns` and `bad_rows`, as in `readers.read_table`. The columns are
            features; class numbers become names.

    Returns:
        A `Table`. Its lines are the places in the split, counted from 1.

    Raises:
        ValueError: the data set or split does not exist or cannot be prepared; a feature
            is neither text nor number; or no example of the split has a label.
    """
    request = make_request(**options)
    builder = _prepare(name, data_dir)
    where = f"{name}, {split}"
    splits = quote_all(builder.info.splits)
    try:
        examples = builder.as_dataset(split=split)
    except (ValueError, KeyError):
        raise ValueError(
            f"{name}: no examples in the split {split!r}. Give one of {splits}."
        ) from None
    features = dict(builder.info.features)
    objects = [
        {
            feature: _plain(features[feature], value)
            for feature, value in example.items()
        }
        for example in examples.as_numpy_iterator()
    ]
    places = list(range(1, len(objects) + 1))
    faults = Faults(where, "example", request.bad_rows)
    chosen, records, places = read_objects(objects, places, request, faults)
    table = Table(where, records, places, chosen, "TensorFlow Datasets", "example")
    # A multi-label text may have no label. An example without a class is skipped.
    return complete(table, request, faults, None if request.many_labels else "")


def _prepare(name, data_dir):
    """Returns the TFDS builder of a data set that is prepared on disk."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError:
        known = tfds.list_builders()
        advice = did_you_mean(name, known, "tfds.list_builders() lists all names.")
        raise ValueError(f"TFDS has no data set {name!r}. {advice}") from None
    except ValueError as error:
        raise ValueError(f"TFDS cannot read {name!r}: {reason(error)}.") from None
    if not builder.data_path.exists():
        try:
            _require_network(builder)
            # TFDS prints its progress, but standard output is for results.
            with contextlib.redirect_stdout(sys.stderr):
                builder.download_and_prepare()
        # A server, a disk or a missing package: builders raise errors of any kind.
        except Exception as error:  # noqa: BLE001
            raise ValueError(
                f"{name} is not prepared in {quote(str(builder.data_path), 200)}, and "
                f"its preparation failed: {reason(error)}. Prepare it where there is "
                f"a network (tfds build {name}) and pass its folder as tfds_data_dir."
            ) from None
    return builder


def _require_network(builder):
    """Raises ConnectionError if none of the servers of a data set can be found.

    TFDS itself tries for minutes, and logs each try.
    """
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos} - {None}
    if not hosts or urllib.request.getproxies():
        return
    for host in hosts:
        with contextlib.suppress(OSError):
            socket.getaddrinfo(host, None)
            return
    raise ConnectionError(f"no network: {min(hosts)} is not found")


def _plain(feature, value):
    """Returns a value as JSON would have it, so that `read_objects` can read it."""
    # A Sequence also has the attributes of its feature, so it is tested first.
    if hasattr(feature, "feature"):
        inner = feature.feature
        return [_plain(inner, part) for part in value] if np.ndim(value) == 1 else None
    if hasattr(feature, "int2str"):  # ClassLabel.
        # -1 means no class: annotators did not agree, or the test labels are secret.
        return feature.int2str(int(value)) if value >= 0 else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if np.ndim(value) or isinstance(value, dict):
        return None
    return json.dumps(bool(value)) if value.dtype == bool else str(value)
