"""The part `explain` of an analysis: which words predictions come from."""

import collections

import numpy as np

from bert_tf import intervals
from bert_tf.analysis.adapters import find_adapter
from bert_tf.analysis.embedding import embed_records, find_nearest
from bert_tf.analysis.explain import faithfulness
from bert_tf.analysis.explain.explainer import Explainer
from bert_tf.analysis.explain.inside import guess_by_layer, read_attention
from bert_tf.analysis.explain.methods import METHODS
from bert_tf.analysis.explain.pictures import draw_attention, draw_curves
from bert_tf.analysis.findings import Highlights, Part, Picture, Table
from bert_tf.analysis.subject import keep, sample
from bert_tf.tasks.predicting import FIELDS

NEEDS_LABELS = False
_TOLERANCE = 0.01  # Of completeness.
_FEWEST = 3  # Examples in which a word must occur for a mean of its weights.
_MOST_WORDS = 15
_MOST_NEIGHBOURS = 20
_MOST_TRAINING = 10_000  # Records among which the nearest are looked for.


def analyze(subject, config):
    """Returns the `Part` of a `Subject`; None without records, or for other tasks."""
    adapter = find_adapter(subject.task)
    if not subject.records or not adapter.target:
        return None
    explainer = Explainer(
        subject.model,
        subject.records,
        batch_size=config.per_device_eval_batch_size,
    )
    attributions = {name: find(explainer) for name, (find, _) in METHODS.items()}
    titles = {name: title for name, (_, title) in METHODS.items()}
    measured = faithfulness.measure(explainer, attributions, seed=subject.seed)
    scores = {name: _score(own, measured["random"]) for name, own in measured.items()}
    errors = np.array([found.error for found in attributions["integrated_gradients"]])
    complete = float((errors <= _TOLERANCE).mean())
    draw_curves(
        subject.folder / "faithfulness.png", faithfulness.FRACTIONS, measured, titles
    )
    best = max(titles, key=lambda name: scores[name]["comprehensiveness"]["mean"])
    part = Part(
        "explain",
        "Explanation",
        [
            (
                f"The method that finds best which words the predictions need: "
                f"{titles[best]}. With its words masked, the probability falls by "
                f"{scores[best]['comprehensiveness']['mean']:.3f} on average, and by "
                f"{scores['random']['comprehensiveness']['mean']:.3f} with as many random "
                "words."
            ),
            (
                f"Integrated gradients add up to the change of the value within 1 % for "
                f"{complete:.1%} of the records (largest error {errors.max():.2%})."
            ),
        ],
        {
            "faithfulness": scores,
            "completeness": {
                "within_1_percent": complete,
                "median_error": float(np.median(errors)),
                "largest_error": float(errors.max()),
            },
        },
        [
            _faithfulness_table(scores, titles),
            Picture(
                "faithfulness.png",
                "What remains of the probability when words are masked, and what is "
                "there when only these are shown.",
            ),
            Highlights(
                "Words for (green) and against (red) what was predicted",
                titles,
                _examples(subject, explainer, attributions),
            ),
            _words_table(explainer, attributions[best], titles[best]),
        ],
        [
            "Weights are those of words in their texts, not of words in general.",
            (
                "Words are hidden by [MASK]. A text with many masks is unlike those that the "
                "model was trained on, which curves show, too."
            ),
            "Attention says where a layer looks, and not what the prediction comes from.",
        ],
    )
    part.blocks += _attention(subject, explainer)
    if adapter.guesses:
        part.blocks.append(_guesses(subject, explainer))
    if subject.training:
        part.blocks.append(_neighbours(subject))
    return part


def _score(curves, random):
    """Returns means with 95 % intervals, and those of the differences from a random order."""
    scores = {}
    for name in ("comprehensiveness", "sufficiency"):
        values = curves[name]
        scores[name] = {
            "mean": float(values.mean()),
            "interval_95": intervals.bootstrap_mean(values),
            "minus_random_95": intervals.bootstrap_mean(values - random[name]),
        }
    return scores


def _faithfulness_table(scores, titles):
    rows = []
    for name, title in (titles | {"random": "Random order"}).items():
        row = [title]
        for figure in ("comprehensiveness", "sufficiency"):
            own = scores[name][figure]
            row += [own["mean"], _interval(own["interval_95"])]
            row.append("" if name == "random" else _interval(own["minus_random_95"]))
        rows.append(row)
    return Table(
        "Faithfulness (DeYoung et al., 2020)",
        [
            "method",
            *("comprehensiveness", "95 %", "minus random, 95 %"),
            *("sufficiency", "95 %", "minus random, 95 %"),
        ],
        rows,
        "Comprehensiveness: by how much the probability falls when the first words are "
        "masked; more is better. Sufficiency: by how much it is lower with these words "
        "alone; less is better. Means over 1, 5, 10, 20 and 50 % of the words.",
    )


def _interval(bounds):
    return "{:.3f} to {:.3f}".format(*bounds)


def _examples(subject, explainer, attributions):
    """Returns the examples of `Highlights`."""
    probabilities = explainer.probabilities(explainer.full)
    return [
        {
            "words": example.words,
            "breaks": [
                n
                for n in range(1, len(example.fields))
                if example.fields[n] != example.fields[n - 1]
            ],
            "weights": {
                name: [round(float(x), 6) for x in found[number].weights]
                for name, found in attributions.items()
            },
            "predicted": explainer.predicted(number),
            "probability": float(probabilities[number]),
            "truth": subject.truths[number] if subject.task.labels else "",
        }
        for number, example in enumerate(explainer.examples)
    ]


def _words_table(explainer, attributions, title):
    """Returns the words with the largest mean weights for each prediction."""
    weights = collections.defaultdict(list)
    for number, found in enumerate(attributions):
        predicted, own = explainer.predicted(number), {}
        for word, weight in zip(explainer.examples[number].words, found.weights):
            own[word.lower()] = own.get(word.lower(), 0.0) + weight
        for word, weight in own.items():
            weights[predicted, word].append(float(weight))
    rows = [
        [predicted, word, float(np.mean(own)), len(own)]
        for (predicted, word), own in weights.items()
        if len(own) >= _FEWEST
    ]
    rows.sort(key=lambda row: -row[2])
    kept = collections.Counter()
    chosen = []
    for row in rows:
        if kept[row[0]] < _MOST_WORDS:
            kept[row[0]] += 1
            chosen.append(row)
    chosen.sort(key=lambda row: row[0])  # Of each prediction, the largest weight first.
    return Table(
        f"Words with the largest mean weights ({title})",
        ["predicted", "word", "mean weight", "records"],
        chosen,
        f"Of words in at least {_FEWEST} records with that prediction.",
    )


def _attention(subject, explainer):
    """Returns the picture of the attention of the shortest text; none of uneven layers."""
    example = min(explainer.examples, key=lambda example: len(example.ids))
    vocab = subject.task.tokenizer.vocab
    try:
        attention = read_attention(subject.model, example)
    except ValueError:  # Of a pruned model, whose heads make no grid.
        return []
    tokens = [vocab[number] for number in example.ids]
    draw_attention(subject.folder / "attention.png", attention, tokens)
    text = f"Attention of all heads for the shortest text: {' '.join(tokens)}"
    return [Picture("attention.png", text)]


def _guesses(subject, explainer):
    """Returns what each layer would say in the place of the first [MASK] of a text."""
    example, mask = explainer.examples[0], subject.task.tokenizer.mask_id
    place = int(np.argmax(example.ids == mask))
    rows = [
        [number, *(f"{token} ({probability:.2f})" for token, probability in guesses)]
        for number, guesses in enumerate(guess_by_layer(subject.model, example, place))
    ]
    return Table(
        f"Guesses of each layer: {' '.join(example.words)}",
        ["layer", *map(str, range(1, len(rows[0])))],
        rows,
        "The head reads the states of each layer; 0 is the embeddings. Only the last "
        "layer is trained for that.",
    )


def _neighbours(subject):
    """Returns the training records that are nearest to the first records."""
    records = subject.records[:_MOST_NEIGHBOURS]
    count = len(subject.training.records)
    training = keep(subject.training, sample(count, _MOST_TRAINING, subject.seed))
    vectors = embed_records(subject.model, [*records, *training.records])
    own, others = np.split(vectors, [len(records)])
    nearest, cosines = find_nearest(own, others, 1)
    rows = []
    for record, (number,), (cosine,) in zip(records, nearest, cosines):
        other = training.records[number]
        rows.append(
            [
                _text(record),
                str(record.get("label", "")),
                _text(other),
                str(other.get("label", "")),
                float(cosine),
                training.lines[number],
            ]
        )
    return Table(
        "Nearest training records",
        ["record", "label", "nearest", "its label", "cosine", training.unit],
        rows,
        f"Among {len(training.records):,} of {count:,} records, by the mean of the last "
        "hidden states.",
    )


def _text(record):
    return " | ".join(
        str(record[name]) for name in FIELDS if isinstance(record.get(name), str)
    )
