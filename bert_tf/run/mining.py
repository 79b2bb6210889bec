"""Hard negatives: the texts that a model takes for near, though they belong to others.

The model that training starts from finds them (Xiong et al., 2021, "Approximate Nearest
Neighbor Negative Contrastive Learning"; here the search is exact, and made once).
"""

import dataclasses
import logging

import numpy as np

from bert_tf.ground import count
from bert_tf.predictor import Model
from bert_tf.tasks.similarity_scores import unit_length

_log = logging.getLogger(__name__)
_AT_ONCE = 1024  # First texts whose cosines are in memory.


def mine(table, path, options):
    """Adds to each record the second texts of others that are nearest to its first text.

    Left out are the second texts of all records with the same first text, that text
    itself, and its negatives. The negatives are kept in memory; no file is written.

    Args:
        table: `Table` of pairs, or of triplets.
        path: model folder; its own pooling makes the vectors.
        options: `SimilarityOptions`.

    Returns:
        a `Table` whose records have `negatives`.

    Raises:
        ValueError: there are too few other texts; no model to start from.
    """
    if path is None:
        raise ValueError(
            f"mine_negatives={options.mine_negatives} needs a trained model; drop "
            "from_scratch."
        )
    given = {
        name: getattr(options, name)
        for name in ("max_seq_length", "long_text", "prompt_name")
    }
    model = Model(path, task="similarity", **given)
    records = [
        {name: record[name] for name in ("text", "text_pair")}
        for record in table.records
    ]
    _, outputs = model.outputs_of(dataclasses.replace(table, records=records))
    vectors = unit_length(outputs["embeddings"])
    texts = list(dict.fromkeys(record["text_pair"] for record in records))
    places = {text: place for place, text in enumerate(texts)}
    firsts = {}  # {text: number of a record with this second text}
    own = {}  # {first text: places of texts that are no negatives of it}
    for number, record in enumerate(table.records):
        firsts.setdefault(record["text_pair"], number)
        known = [record["text"], record["text_pair"], *record.get("negatives", ())]
        own.setdefault(record["text"], set()).update(
            places[text] for text in known if text in places
        )
    candidates = vectors[[firsts[text] for text in texts], 1]
    mined = []
    for begin in range(0, len(records), _AT_ONCE):
        cosines = vectors[begin : begin + _AT_ONCE, 0] @ candidates.T
        for record, row in zip(table.records[begin:], cosines):
            row[list(own[record["text"]])] = -np.inf
            nearest = _choose(table, row, options)
            negatives = [*record.get("negatives", ()), *(texts[n] for n in nearest)]
            mined.append(record | {"negatives": negatives})
    _log.info(
        "mined %s for each of %s, from %s.",
        count(options.mine_negatives, "negative"),
        count(len(mined), "pair"),
        count(len(texts), "text"),
    )
    return dataclasses.replace(table, records=mined)


def _choose(table, cosines, options):
    """Returns the places of the nearest texts, those after `mine_skip`."""
    last = options.mine_skip + options.mine_negatives
    if (others := int(np.sum(np.isfinite(cosines)))) < last:
        raise ValueError(
            f"{table.path}: mine_negatives={options.mine_negatives} and mine_skip="
            f"{options.mine_skip} need {last} second texts of other pairs, but a pair has "
            f"{others}; lower them, or add pairs."
        )
    nearest = np.argsort(-cosines, kind="stable")
    return nearest[options.mine_skip : last].tolist()
