"""Removes attention heads, feed-forward units and layers from the arrays of a model.

A head is a slice of columns of the projections of query, key and value, and of rows of the
dense layer after them. A unit is a column of the first dense layer of the feed-forward
network, and a row of the second.

Shapes: H hidden size, N heads, D head size, I units.
"""

import re

import numpy as np

from bert_tf.checkpoints import weights

BLOCK = 8  # Units; kernels of processors and GPUs compute so many values side by side.

_LAYER = re.compile(r"bert/encoder/layer_(\d+)/(.+)")
# {name within a layer: (what its entries belong to, their axis)}.
_CUT = {
    **{
        f"attention/self/{name}/{part}": ("heads", -1)
        for name in ("query", "key", "value")
        for part in ("kernel", "bias")
    },
    "attention/output/dense/kernel": ("heads", 0),
    "intermediate/dense/kernel": ("units", -1),
    "intermediate/dense/bias": ("units", -1),
    "output/dense/kernel": ("units", 0),
}


def prune(arrays, config, heads, units):
    """Keeps some heads and units of each layer.

    The outputs of the model are then those of the model in which the values of all others
    are 0 where they enter the next dense layer.

    Args:
        arrays: {our path: array} of a model.
        config: its `BertConfig`.
        heads, units: for each layer the indices of those to keep, in order.

    Returns:
        {our path: array} and `BertConfig` of the smaller model. The configuration is plain
        where plain BERT's keys can say it, see `BertConfig.with_layers`.
    """
    size = config.attention_head_size
    columns = {
        "heads": [
            (np.asarray(n)[:, None] * size + np.arange(size)).ravel() for n in heads
        ],
        "units": [np.asarray(n) for n in units],
    }
    smaller = {}
    for path, array in arrays.items():
        place = _LAYER.fullmatch(path)
        if place and place[2] in _CUT:
            kind, axis = _CUT[place[2]]
            array = np.take(array, columns[kind][int(place[1])], axis=axis)
        smaller[path] = array
    shapes = [(len(n), len(m)) for n, m in zip(heads, units)]
    return smaller, config.with_layers(shapes)


def drop_layers(arrays, config, dropped):
    """Removes whole layers; the layer above one then reads the output of that below.

    Args:
        arrays, config: as of `prune`.
        dropped: numbers of the layers, from 0.

    Returns:
        As of `prune`.
    """
    stay = [n for n in range(config.num_hidden_layers) if n not in dropped]
    smaller = config.with_layers([config.layer_shapes[n] for n in stay])
    return weights.select_layers(arrays, stay), smaller


def keep_best(scores, removed, block=1):
    """Chooses what to keep, over all layers together.

    The entries of a layer are ordered by their scores and taken in blocks, which are
    compared by the mean of their scores. The best block of each layer stays in any case.

    Args:
        scores: float [n] for each layer; see `importance`.
        removed: number of blocks to remove, at most `removable`.
        block: entries of a block; the worst of a layer may have fewer.

    Returns:
        For each layer the indices of what stays, int [k], in order.
    """
    orders = [np.argsort(-layer, kind="stable") for layer in scores]
    blocks = sorted(
        (scores[layer][order[begin : begin + block]].mean(), -begin, layer)
        for layer, order in enumerate(orders)
        for begin in range(block, len(order), block)
    )
    leave = [[] for _ in scores]
    for _, begin, layer in blocks[:removed]:
        leave[layer].extend(orders[layer][-begin : block - begin])
    return [np.setdiff1d(order, gone) for order, gone in zip(orders, leave)]


def count_blocks(sizes, block=1):
    """Returns how many blocks all layers have, given the number of entries of each."""
    return sum(-(-size // block) for size in sizes)


def removable(sizes, block=1):
    """Returns how many of these blocks can be removed: one of each layer stays."""
    return count_blocks(sizes, block) - len(sizes)


def count_parameters(arrays, scope="bert/"):
    """Returns the number of values in the arrays of a scope."""
    return sum(int(a.size) for path, a in arrays.items() if path.startswith(scope))
