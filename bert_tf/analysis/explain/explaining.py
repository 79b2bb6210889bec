"""Explanations in Python: arrays of how much each word adds to a prediction."""

from bert_tf.analysis.explain.explainer import Explainer
from bert_tf.analysis.explain.methods import METHODS
from bert_tf.data.records.containers import take_rows
from bert_tf.ground import one_of
from bert_tf.predictor import Model
from bert_tf.tasks.predicting import Predictor
from bert_tf.training import engine


def explain(model, records, method="integrated_gradients"):
    """Returns how much each word adds to a model's predictions.

    Args:
        model: `bert_tf.Model`, or the path of a model folder.
        records: texts, or dicts with the task's fields, such as `text` and `text_pair`.
        method: "integrated_gradients", "gradient_times_input", "occlusion" or
            "attention_rollout".

    Returns:
        list of dicts, one of each record: `words` and `fields`, lists of strings; and of
        the same length `weights`, float64 array; `predicted`, the prediction explained;
        `value`, the number that is explained, such as the log-odds of a label;
        `probability`, the same as the reader knows it; and `completeness_error`, of
        integrated gradients, a fraction of the value's change, else None.

    Raises:
        TypeError: the model is an exported file.
        ValueError: there is no such method; the task's predictions are not explained.

    Example:
        >>> import bert_tf
        >>> (found,) = bert_tf.explain("model", ["it was good"])
        >>> found["words"], found["weights"].shape, found["completeness_error"] < 0.01
        (['it', 'was', 'good'], (3,), True)
    """
    one_of("method", method, METHODS)
    engine.select("tensorflow")
    model = model if isinstance(model, Predictor) else Model(model)
    if not isinstance(model, Model):
        raise TypeError(
            "a file has no gradients; pass a model folder, or a bert_tf.Model of it."
        )
    table = model.task.read(
        take_rows(records, "records"), with_labels=False, columns=model.columns
    )
    explainer = Explainer(model, table.records)
    attributions = METHODS[method][0](explainer)
    probabilities = explainer.probabilities(explainer.full)
    return [
        {
            "words": example.words,
            "fields": example.fields,
            "weights": found.weights,
            "predicted": explainer.predicted(number),
            "value": float(explainer.full[number]),
            "probability": float(probabilities[number]),
            "completeness_error": found.error,
        }
        for number, (example, found) in enumerate(zip(explainer.examples, attributions))
    ]
