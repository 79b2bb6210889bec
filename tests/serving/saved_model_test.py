"""A SavedModel predicts what the model predicts, in the C++ loader."""

import cpp_loader
import numpy as np
import pytest
import tensorflow as tf

from bert_tf import Model
from bert_tf.serving import parity
from bert_tf.serving.saved_model import write_saved_model

LONG = (
    "it was very good , the film is bad . a fine film is very poor ? the film was good"
)
TEXTS = ["it was very good .", "", "Bad,  the film", LONG, "a U.S. film's 北京"]
PAIRS = ["fine", "it is", "", "a film is a film", LONG]
INPUTS = {
    "classification": {"text": TEXTS},
    "regression": {"text": TEXTS},
    "multi_label": {"text": TEXTS},
    "pairs": {"text": TEXTS, "text_pair": PAIRS},
    "similarity": {"text": TEXTS},
    "token_classification": {"text": TEXTS},
    "question_answering": {
        "question": ["is it ?", "was it good ?", "is a film very bad ?", "a", "is it"],
        "context": [LONG, "the film is good .", f"{LONG} {LONG}", "北京", LONG],
    },
    "multiple_choice": {
        "question": TEXTS,
        "choices": [[*PAIRS[n:], *PAIRS[:n]][:3] for n in range(5)],
    },
    "reranking": {
        "query": [text or "is it ?" for text in TEXTS],
        "passages": [[*PAIRS[n:], *PAIRS[:n]][:3] for n in range(5)],
    },
    "features": {"text": TEXTS},
    "fill_mask": {"text": ["it was [MASK]", "[MASK] [MASK] film", f"[MASK] {LONG}"]},
}


@pytest.fixture(scope="module")
def exported(folders, tmp_path_factory):
    """{name: folder of a SavedModel}, for the tasks of `INPUTS`."""
    home, paths = tmp_path_factory.mktemp("served"), {}
    for name in INPUTS:
        model, paths[name] = load(folders, name), home / name
        extra = {"similarity": ["pairs"], "multiple_choice": ["examples"]}
        extra["reranking"] = ["examples"]
        custom_ops = write_saved_model(
            paths[name],
            model.task,
            model.keras_model,
            files=[],
            pairs=name == "pairs",
            signatures=["serving_default", "token_ids", *extra.get(name, [])],
        )
        assert custom_ops["token_ids"] == []
        assert custom_ops["serving_default"] == [
            "FastBertNormalize",
            "FastWordpieceTokenizeWithOffsets",
        ]
    return paths


@pytest.fixture(scope="module")
def through_c(exported):
    """Outputs from the C++ loader, {(name, signature): {output: list}}."""
    jobs = [
        {"path": str(exported[name]), "signature": signature, "inputs": inputs}
        for name, all_inputs in INPUTS.items()
        for signature, inputs in {
            "serving_default": all_inputs,
            "token_ids": token_ids(name),
        }.items()
    ]
    jobs += [
        {
            "path": str(exported["classification"]),
            "signature": "serving_default",
            "inputs": {"text": []},
        },
        {
            "path": str(exported["similarity"]),
            "signature": "pairs",
            "inputs": {"text": TEXTS, "text_pair": PAIRS},
        },
    ]
    names = [(name, s) for name in INPUTS for s in ("serving_default", "token_ids")]
    names += [("classification", "empty"), ("similarity", "pairs")]
    return dict(zip(names, cpp_loader.run(jobs), strict=True))


def load(folders, name):
    return Model(folders[name], task="features" if name == "features" else "")


def token_ids(name):
    ids = [[2, 10, 12, 13, 15, 3, 0], [2, 16, 4, 3, 0, 0, 0]]
    mask = [[int(i > 0) for i in row] for row in ids]
    inputs = {
        "input_ids": ids,
        "input_mask": mask,
        "segment_ids": [[0] * 7, [0] * 7],
    }
    if name == "multiple_choice":
        return {key: [value] for key, value in inputs.items()}
    return inputs


@pytest.mark.parametrize("name", INPUTS)
def test_strings(name, folders, through_c):
    inputs = INPUTS[name]
    model = load(folders, name)
    expected = model.predict([dict(zip(inputs, row)) for row in zip(*inputs.values())])
    outputs = through_c[name, "serving_default"]
    assert "error" not in outputs
    for ours, theirs in zip(
        expected, parity.as_predictions(outputs, model.task), strict=True
    ):
        words, numbers = parity.leaves(ours)
        their_words, their_numbers = parity.leaves(theirs)
        assert their_words == words
        np.testing.assert_allclose(their_numbers, numbers, atol=1e-5)


@pytest.mark.parametrize("name", INPUTS)
def test_token_ids(name, folders, through_c):
    found = through_c[name, "token_ids"]
    assert "error" not in found
    task, model = load(folders, name).task, load(folders, name).keras_model
    batch = {k: np.array(v, np.int32) for k, v in token_ids(name).items()}
    if name == "multiple_choice":
        batch = {key: value[0] for key, value in batch.items()}
        batch["choices"] = tf.constant([[0, 1]])
    places = np.where(batch["input_mask"], np.arange(7, dtype=np.int32), np.int32(-1))
    batch |= {
        "places": places,
        "mask_places": np.where(batch["input_ids"] == 4, places, np.int32(-1)),
    }
    named = task.named(model(batch))
    outputs = {output: array.numpy() for output, array in named.items()}
    if name == "question_answering":
        for side in ("start_logits", "end_logits"):
            logits = np.array(found[side])[places >= 0]
            np.testing.assert_allclose(logits, outputs[side][places >= 0], atol=1e-5)
    elif name == "fill_mask":
        probabilities = np.array(found["probabilities"])
        np.testing.assert_allclose(probabilities, outputs["probabilities"], atol=1e-5)
        best = outputs["ids"][1, 2, 0]
        assert found["tokens"][1][2][0] == task.tokenizer.vocab[best]
    elif name == "features":
        states = np.array(found["layer_-1"])[places >= 0]
        expected = outputs["hidden_states"][:, :, 0][places >= 0]
        np.testing.assert_allclose(states, expected, atol=1e-5)
    elif name == "similarity":
        expected = outputs["embeddings"][:, 0]
        np.testing.assert_allclose(found["embedding"], expected, atol=1e-5)
    elif name == "reranking":
        expected = 1 / (1 + np.exp(-outputs["logits"][:, 0]))
        np.testing.assert_allclose(found["score"], expected, atol=1e-5)
    elif name == "regression":
        np.testing.assert_allclose(found["score"], outputs["logits"][:, 0], atol=1e-5)
    else:
        np.testing.assert_allclose(found["logits"], outputs["logits"], atol=1e-5)


def test_an_empty_batch(through_c):
    outputs = through_c["classification", "empty"]
    assert outputs == {"label": [], "logits": [], "scores": []}


def test_pairs_of_similarity(folders, through_c):
    records = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, PAIRS)]
    expected = [x["similarity"] for x in Model(folders["similarity"]).predict(records)]
    similarities = through_c["similarity", "pairs"]["similarity"]
    np.testing.assert_allclose(similarities, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("task", "output"), [("multiple_choice", "scores"), ("reranking", "score")]
)
def test_serialised_examples(exported, task, output):
    loaded = tf.saved_model.load(str(exported[task]))
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    name: tf.train.Feature(
                        bytes_list=tf.train.BytesList(
                            value=[
                                text.encode()
                                for text in (
                                    value if isinstance(value, list) else [value]
                                )
                            ]
                        )
                    )
                    for name, value in zip(INPUTS[task], row)
                }
            )
        ).SerializeToString()
        for row in zip(*INPUTS[task].values())
    ]
    outputs = loaded.signatures["examples"](tf.constant(examples))
    inputs = {k: tf.constant(v) for k, v in INPUTS[task].items()}
    expected = loaded.signatures["serving_default"](**inputs)
    np.testing.assert_allclose(outputs[output], expected[output], atol=1e-6)


def test_odd_requests_do_not_change_the_next_prediction(exported):
    signature = tf.saved_model.load(str(exported["classification"])).signatures[
        "serving_default"
    ]

    def predict(texts):
        return signature(text=tf.constant(texts, tf.string))["logits"].numpy()

    good = predict(["it was good"])
    many = predict(["it was good"] * 10_000)
    np.testing.assert_allclose(many, np.repeat(good, 10_000, axis=0), atol=1e-5)
    for odd, same in (
        (b"it was good\0", b"it was good"),
        (b"it was \xff\xfegood", b"it was good"),
        (b"it was good " * 100_000, b"it was good " * 20),  # Over 1 MB; truncated.
    ):
        np.testing.assert_allclose(predict([odd]), predict([same]), atol=1e-5)
    with pytest.raises((TypeError, ValueError, tf.errors.InvalidArgumentError)):
        signature(text=tf.constant([1, 2]))
    with pytest.raises((TypeError, ValueError)):
        signature(words=tf.constant(["a"]))
    np.testing.assert_array_equal(predict(["it was good"]), good)
