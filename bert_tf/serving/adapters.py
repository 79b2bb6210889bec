"""What each task adds to serving: inputs, outputs, and how an export is compared.

One entry a task. Nothing else in this package tests the name of a task.
"""

import dataclasses
from collections.abc import Callable

from bert_tf.ground import lazy
from bert_tf.serving import completing, decode_texts, examples, outputs, predicted
from bert_tf.serving.choices import Rankings, Vectors
from bert_tf.serving.decode_spans import predict_answers
from bert_tf.serving.embeddings import serve_embeddings

tf = lazy("tensorflow")
backbone = lazy("bert_tf.models.backbone")


def serve_texts(task, model, pairs):
    """Signatures of tasks that read a text, or a pair of texts, as a whole."""
    shape = ADAPTERS[task.name].outputs

    def single(text):
        return shape(task, outputs.compute(task, model, {"text": text}))

    def pair(text, text_pair):
        columns = {"text": text, "text_pair": text_pair}
        return shape(task, outputs.compute(task, model, columns))

    both = (["text", "text_pair"], pair)
    return {"serving_default": both if pairs else (["text"], single)}


def serve_words(task, model, pairs):
    """Signatures of token classification."""
    return _of_text(lambda text: outputs.predict_entities(task, model, text))


def serve_questions(task, model, pairs):
    """Signatures of question answering."""

    def predict(question, context):
        return predict_answers(task, model, question, context)

    return {"serving_default": (["question", "context"], predict)}


def serve_translations(task, model, pairs):
    """Signatures of translation."""
    return _of_text(
        lambda text: decode_texts.predict_texts(task, model, {"text": text})
    )


def serve_written_answers(task, model, pairs):
    """Signatures of generated answers."""

    def predict(question, context):
        columns = {"text": question, "text_pair": context}
        return decode_texts.predict_texts(task, model, columns)

    return {"serving_default": (["question", "context"], predict)}


def serve_choices(task, model, pairs):
    """Signatures of multiple choice."""

    def choose(question, choices):
        columns = {"text": question, "choices": choices}
        scored = outputs.of_choices(task, outputs.compute(task, model, columns))
        best = tf.argmax(scored["logits"], axis=-1)
        return scored | {"choice": tf.gather(choices, best, batch_dims=1)}

    return {"serving_default": (["question", "choices"], choose)}


def serve_rankings(task, model, pairs):
    """Signatures of reranking."""

    def rank(query, passages):
        return outputs.rank_passages(task, model, query, passages)

    return {"serving_default": (["query", "passages"], rank)}


def serve_masks(task, model, pairs):
    """Signatures of masked tokens."""
    return _of_text(lambda text: outputs.predict_masks(task, model, text))


def serve_given_labels(task, model, pairs):
    """Signatures of labels without training, which are constants of the graph."""
    return _of_text(lambda text: outputs.label_by_entailment(task, model, text))


def serve_states(task, model, pairs):
    """Signatures of feature extraction."""
    if task.options.long_text == "windows":
        raise ValueError(
            "served features come from one example of a text, not from windows; pass "
            "long_text=truncate or head_tail."
        )
    return _of_text(lambda text: outputs.extract_states(task, model, text))


def _of_text(function):
    return {"serving_default": (["text"], function)}


@dataclasses.dataclass(frozen=True)
class Adapter:
    """How a task is served; the defaults suit tasks that read whole texts.

    Attributes:
        outputs: function(task, {name: tensor} of the model) → {name: tensor} of the
            signatures: what `Task.predict` says, as dense tensors.
        signatures: function(task, model, pairs) → {name: (names of string inputs,
            function of them)}, `serving_default` among them.
        complete: function(task, batch) → batch, of padded ids: adds what else the model
            takes.
        has_choices: whether ids are [B, C, S], C examples a record, not [B, S].
        infer_padded: function(task, model, batch, whether a TFLite or ONNX file computes
            it) → {name: tensor}, for padded ids.
        padded: function({name: tensor} of `infer_padded`) → {name: tensor} of a TFLite
            or ONNX file; None if the task has no such file.
        chooses: names of the padded outputs whose highest value is the prediction.
        not_in_files: names of options that such a file does not have.
        takes_one_text: whether a TFLite file may take a string.
        prompt: function(task) → text that `serving_default` puts before each text.
        gates: {precision: limits} in the place of those of `parity.GATES`.
        fields: names of the two texts of an example among the inputs.
        sample: function(sentences, pairs) → inputs of `serving_default`, to compare an
            export on.
        examples: inputs to try on the page of the trial server, dicts of the fields.
        prediction: function(row of the outputs) → that row as `Task.predict` has it.
        choices: class of what a request to the trial server may choose, made by
            `of_model` or `of_file`; None for nothing.
        columns: function({name: list of inputs}) → {name: array [N]}, the columns of
            the task, for an exported file.
        predicted: function(outputs and predictions of an exported file) → {name: array}
            of `serving_default`; None if the trial server does not take such a file.
        count_tokens: function(options of the task) → most tokens that are computed for a
            record beside those that are read.
    """

    outputs: Callable
    signatures: Callable = serve_texts
    complete: Callable = lambda task, batch: batch
    has_choices: bool = False
    infer_padded: Callable = completing.infer_padded
    padded: Callable | None = lambda named: named
    chooses: tuple = ()
    not_in_files: tuple = ()
    takes_one_text: bool = True
    prompt: Callable = lambda task: ""
    gates: dict = dataclasses.field(default_factory=dict)
    fields: tuple = ("text", "text_pair")
    sample: Callable = examples.sample_texts
    examples: tuple = examples.TEXTS
    prediction: Callable = lambda row: row
    choices: type | None = None
    columns: Callable = predicted.take_texts
    predicted: Callable | None = None
    count_tokens: Callable = lambda options: 0


WRITES = Adapter(
    decode_texts.as_ids,
    complete=lambda task, batch: backbone.as_rows(batch),
    infer_padded=decode_texts.search_greedily,
    padded=decode_texts.as_greedy_ids,
    not_in_files=(
        *("num_beams", "num_return_sequences", "do_sample", "sample_top_k"),
        *("sample_top_p", "sample_temperature", "sample_seed"),
    ),
    # A text has many tokens, and after one that differs the rest differs, too. Of a
    # MiniLM, 38 to 52 % of the texts were equal in int8, with scores up to 0.19 apart.
    gates={
        "float32": (1e-4, 0.95),
        "bfloat16": (0.5, 0.5),
        "float16": (0.05, 0.8),
        "int8": (0.5, 0.15),
    },
    prediction=decode_texts.as_texts,
    count_tokens=decode_texts.count_tokens,
)
ADAPTERS = {
    "classification": Adapter(
        outputs.of_labels,
        padded=outputs.softmax,
        chooses=("probability",),
        predicted=predicted.of_labels,
    ),
    "multi_label": Adapter(
        outputs.of_many_labels,
        padded=outputs.sigmoid,
        chooses=("probability",),
        prediction=outputs.without_padded_labels,
        predicted=predicted.of_many_labels,
    ),
    "regression": Adapter(
        outputs.of_number,
        padded=lambda named: {"score": named["logits"]},
        predicted=predicted.of_numbers,
    ),
    "token_classification": Adapter(
        outputs.of_labels,
        signatures=serve_words,
        complete=completing.add_places,
        padded=outputs.softmax,
        chooses=("probability",),
        examples=examples.NAMES,
        prediction=outputs.as_entities,
        columns=predicted.take_words,
        predicted=predicted.of_entities,
    ),
    "question_answering": Adapter(
        lambda task, named: named,
        signatures=serve_questions,
        complete=completing.add_places,
        chooses=("start_logits", "end_logits"),
        takes_one_text=False,
        fields=("question", "context"),
        sample=examples.sample_questions,
        examples=examples.QUESTIONS,
        predicted=predicted.of_answers,
    ),
    "multiple_choice": Adapter(
        outputs.of_choices,
        signatures=serve_choices,
        has_choices=True,
        padded=lambda named: {"logit": named["logits"]},
        takes_one_text=False,
        fields=("question", "choices"),
        sample=examples.sample_choices,
        examples=examples.CHOICES,
        columns=predicted.take_choices,
        predicted=predicted.of_choices,
    ),
    "similarity": Adapter(
        outputs.of_embeddings,
        signatures=serve_embeddings,
        padded=lambda named: {"embedding": named["embeddings"][:, 0]},
        prompt=lambda task: task.prompt,
        sample=lambda texts, pairs: {"text": texts},
        choices=Vectors,
        predicted=predicted.of_embeddings,
    ),
    "reranking": Adapter(
        outputs.of_relevance,
        signatures=serve_rankings,
        padded=lambda named: {"logit": named["logits"]},
        takes_one_text=False,
        fields=("query", "passages"),
        sample=examples.sample_passages,
        examples=examples.PASSAGES,
        prediction=outputs.as_ranking,
        choices=Rankings,
        columns=predicted.take_passages,
        predicted=predicted.of_rankings,
    ),
    "translation": dataclasses.replace(
        WRITES,
        signatures=serve_translations,
        sample=lambda texts, pairs: {"text": texts},
    ),
    "generation": dataclasses.replace(
        WRITES,
        signatures=serve_written_answers,
        takes_one_text=False,
        fields=("question", "context"),
        sample=examples.sample_questions,
        examples=examples.QUESTIONS,
    ),
    "fill_mask": Adapter(
        outputs.of_masks,
        signatures=serve_masks,
        complete=completing.add_mask_places,
        padded=None,
        sample=examples.sample_masks,
        examples=examples.MASKS,
        prediction=outputs.as_masks,
    ),
    "zero_shot": Adapter(
        lambda task, named: named,
        signatures=serve_given_labels,
        padded=None,
        sample=lambda texts, pairs: {"text": texts},
    ),
    "features": Adapter(
        outputs.of_states,
        signatures=serve_states,
        complete=completing.add_places,
        padded=None,
        prediction=outputs.as_states,
    ),
}
