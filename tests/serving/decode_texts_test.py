"""Exports of models that write texts: text in, text out, in the C++ loader and on LiteRT."""

import pathlib
import subprocess
import sys
import zipfile

import cpp_loader
import numpy as np
import pytest
import tensorflow as tf
import tiny_seq2seq

from bert_tf import Model
from bert_tf.models.backbone import as_rows
from bert_tf.models.decoding import generate
from bert_tf.serving import exporting, parity, work
from bert_tf.serving.adapters import ADAPTERS
from bert_tf.serving.client import Client
from bert_tf.serving.decode_texts import as_texts
from bert_tf.serving.gathering import as_text
from bert_tf.serving.limits import Limits, Refused
from bert_tf.serving.saved_model import write_functions, write_saved_model

LONG = "it was very good , the film is bad . a fine film is very poor ? the film was"
TEXTS = ["it was very good .", "", "Bad,  the film", LONG, " \u2003\n", "a U.S. 北京"]
INPUTS = {
    "translation": {"text": TEXTS},
    "generation": {
        "question": ["is it ?", "was it good ?", "a"],
        "context": [LONG, f"{LONG} {LONG}", "北京"],
    },
}
# So little trained, the models would write nothing for many texts.
SEARCH = {"min_target_length": 3}
OPTIONS = SEARCH | {"num_beams": 3, "num_return_sequences": 3}
SIGNATURES = {
    "translation": ["serving_default", "token_ids"],
    "generation": ["serving_default", "examples"],
}


@pytest.fixture(scope="module")
def models(folders):
    return {name: Model(folders[name], **OPTIONS) for name in INPUTS}


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory):
    """{name: folder of a SavedModel}"""
    home = tmp_path_factory.mktemp("served")
    for name, model in models.items():
        operations = write_saved_model(
            home / name,
            model.task,
            model.keras_model,
            files=[],
            pairs=False,
            signatures=SIGNATURES[name],
        )
        assert operations.get("token_ids", []) == []
    return {name: home / name for name in models}


@pytest.fixture(scope="module")
def through_c(exported):
    """Outputs from the C++ loader, {(name, signature): {output: list}}."""
    inputs = {(name, "texts"): texts for name, texts in INPUTS.items()}
    inputs["generation", "no texts"] = {"question": [], "context": []}
    inputs["generation", "blank texts"] = {"question": [" "], "context": [""]}
    ids = {name: array.tolist() for name, array in token_ids().items()}
    inputs["translation", "token_ids"] = ids
    jobs = [
        {
            "path": str(exported[name]),
            "signature": "token_ids" if kind == "token_ids" else "serving_default",
            "inputs": values,
        }
        for (name, kind), values in inputs.items()
    ]
    return dict(zip(inputs, cpp_loader.run(jobs), strict=True))


def token_ids():
    ids = np.array([[2, 10, 12, 13, 15, 3, 0], [2, 16, 3, 0, 0, 0, 0]], np.int32)
    return {
        "input_ids": ids,
        "input_mask": (ids > 0).astype(np.int32),
        "segment_ids": np.zeros_like(ids),
    }


def signature(path, name="serving_default"):
    return tf.saved_model.load(str(path)).signatures[name]


def check_equal(predictions, expected):
    for ours, theirs in zip(predictions, expected, strict=True):
        words, numbers = parity.leaves(ours)
        their_words, their_numbers = parity.leaves(theirs)
        assert words == their_words
        np.testing.assert_allclose(numbers, their_numbers, atol=1e-5)


@pytest.mark.parametrize("name", INPUTS)
def test_texts_in_texts_out(name, models, through_c):
    model, inputs = models[name], INPUTS[name]
    expected = model.predict([dict(zip(inputs, row)) for row in zip(*inputs.values())])
    outputs = through_c[name, "texts"]
    shape = (len(expected), 3)
    assert np.shape(outputs["n_best"]) == np.shape(outputs["n_best_scores"]) == shape
    check_equal(parity.as_predictions(outputs, model.task), expected)
    assert any(prediction[model.task.field] for prediction in expected)


def test_blank_texts_give_empty_ones(models, through_c):
    blank = {"score": 0.0, "n_best": [{"answer": "", "score": 0.0}], "answer": ""}
    task, outputs = models["generation"].task, through_c["generation", "blank texts"]
    assert parity.as_predictions(outputs, task) == [blank]
    outputs = through_c["translation", "texts"]
    assert outputs["n_best"][1] == outputs["n_best"][4] == [""] * 3


def test_an_empty_batch(through_c):
    outputs = through_c["generation", "no texts"]
    assert outputs == {"answer": [], "score": [], "n_best": [], "n_best_scores": []}


def test_token_ids_give_token_ids(models, through_c):
    model = models["translation"]
    tokenizer = model.task.target_tokenizer
    expected = generate(
        model.keras_model,
        as_rows(token_ids()),
        model.task.options,
        start_id=tokenizer.cls_id,
        end_id=tokenizer.sep_id,
    )
    outputs = through_c["translation", "token_ids"]
    np.testing.assert_array_equal(outputs["output_ids"], expected["ids"])
    np.testing.assert_allclose(outputs["scores"], expected["scores"], atol=1e-5)
    assert outputs.keys() == {"output_ids", "scores"}


def test_serialised_examples(exported):
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    name: tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[text.encode()])
                    )
                    for name, text in zip(INPUTS["generation"], row)
                }
            )
        ).SerializeToString()
        for row in zip(*INPUTS["generation"].values())
    ]
    outputs = signature(exported["generation"], "examples")(tf.constant(examples))
    inputs = {name: tf.constant(x) for name, x in INPUTS["generation"].items()}
    expected = signature(exported["generation"])(**inputs)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(outputs[name], tensor)


def test_32_mixed_sentences_are_as_each_alone(exported):
    words = (LONG + " a the it is").split()
    random = np.random.default_rng(1)
    texts = [" ".join(random.choice(words, n)) for n in random.integers(0, 30, 32)]
    translate = signature(exported["translation"])
    together = translate(text=tf.constant(texts))
    alone = [translate(text=tf.constant([text])) for text in texts]
    assert together["translation"].shape == (32,)
    for number, outputs in enumerate(alone):
        assert outputs["n_best"].numpy().tolist() == [
            together["n_best"][number].numpy().tolist()
        ]
    assert len({x["translation"].numpy()[0] for x in alone}) > 2


@pytest.mark.slow
def test_options_of_the_folder_and_of_the_export(folders, tmp_path):
    """One text of the folder's two beams, which the export makes shorter."""
    report = exporting.export(
        exporting.ExportConfig(
            model=folders["translation"],
            output_dir=str(tmp_path / "1"),
            max_target_length=3,
            min_target_length=2,
            signatures="serving_default",
        )
    )
    assert report["agreement"] == 1.0
    assert report["max_abs_difference"] < 1e-4
    outputs = signature(tmp_path / "1")(text=tf.constant(TEXTS))
    assert outputs.keys() == {"translation", "score"}
    texts = as_text(outputs["translation"].numpy().tolist())
    expected = Model(
        folders["translation"], max_target_length=3, min_target_length=2
    ).predict(TEXTS)
    assert texts == [prediction["translation"] for prediction in expected]
    # Two tokens and the end, or three where the length is used up.
    assert 0 < max(len(text.split()) for text in texts) <= 3
    assets = {file.name for file in (tmp_path / "1" / "assets").iterdir()}
    assert assets == {"vocab.txt", "target_vocab.txt"}
    target = pathlib.Path(folders["translation"], "decoder", "vocab.txt").read_bytes()
    assert (tmp_path / "1" / "assets" / "target_vocab.txt").read_bytes() == target


@pytest.mark.parametrize("shared", [False, True])
def test_each_weight_is_stored_once(shared, tmp_path):
    model = tiny_seq2seq.model(shared=shared)

    def encode(input_ids, input_mask, segment_ids):
        names = ("input_ids", "input_mask", "segment_ids")
        batch = dict(zip(names, (input_ids, input_mask, segment_ids)))
        return {"states": model.encode(as_rows(batch))}

    specs = [tf.TensorSpec([2, 7], tf.int32, name=name) for name in token_ids()]
    function = tf.function(encode, input_signature=specs, autograph=False)
    write_functions(tmp_path / "m", model, {"serving_default": function}, files=[])
    weights = sum(np.prod(weight.shape) for weight in model.weights)
    data = next((tmp_path / "m" / "variables").glob("variables.data*")).stat().st_size
    # The description of a variable takes about 150 bytes.
    assert 4 * weights <= data < 4 * weights + 300 * len(model.weights)


@pytest.mark.slow
def test_memory_stays_flat(exported):
    """Calls with batches of many sizes and lengths."""
    code = """if True:
        import sys
        import numpy as np, tensorflow as tf
        import bert_tf.tokenization.tokenizer
        def resident():
            pages = int(open("/proc/self/statm").read().split()[1])
            return pages * 4096 / 2**20
        translate = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
        random = np.random.default_rng(1)
        for call in range(1000):
            texts = [" ".join(["film"] * n) for n in random.integers(0, 14, random.integers(1, 33))]
            translate(text=tf.constant(texts))
            if call == 500:  # The allocators have warmed up.
                before = resident()
        print(resident() - before)
    """
    arguments = [sys.executable, "-c", code, str(exported["translation"])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 15


# The trial server and the client.


def test_the_trial_server(serve, folders):
    server = serve("translation", **SEARCH)
    expected = Model(folders["translation"], **SEARCH).predict(TEXTS)
    rows = Client(server.address, "model").predict(text=TEXTS)
    check_equal(rows, expected)
    status, body = server.post({"instances": [TEXTS[0]]})
    assert status == 200
    assert body["predictions"][0].keys() == {"translation", "score"}


def test_the_trial_server_with_several_texts(serve, models):
    server = serve("generation", **OPTIONS)
    inputs = INPUTS["generation"]
    records = [dict(zip(inputs, row)) for row in zip(*inputs.values())]
    status, body = server.post({"instances": records})
    assert status == 200
    predictions = list(map(as_texts, body["predictions"]))
    check_equal(predictions, models["generation"].predict(records))


def test_written_tokens_count(models):
    model = models["translation"]
    inputs = {"text": ["it was good", "a"]}
    measured = work.measure(model.task, Limits(), inputs)
    # As many characters as tokens, at most, and three beams of nine tokens.
    assert measured.tokens.tolist() == [14 + 27, 1 + 3 + 27]
    limits = Limits(max_tokens=71)
    with pytest.raises(
        Refused, match="max_tokens is 71 tokens of a request; received 72"
    ):
        work.measure(model.task, limits, inputs)


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({}, 18),
        ({"num_beams": 1}, 9),
        ({"do_sample": True, "num_return_sequences": 4}, 36),
    ],
)
def test_tokens_of_a_search(folders, options, tokens):
    task = Model(folders["translation"], **options).task
    assert ADAPTERS["translation"].count_tokens(task.options) == tokens


def test_absent_texts_are_no_candidates():
    row = {"answer": "a", "score": -1.0, "n_best": ["a", "", ""]}
    row["n_best_scores"] = [-1.0, -2.0, 0.0]
    best = {"answer": "a", "score": -1.0}
    others = [best, {"answer": "", "score": -2.0}]
    assert as_texts(row) == best | {"n_best": others}
    assert as_texts(best) == best


# Files of numbers.


@pytest.fixture(scope="module")
def file(folders, tmp_path_factory):
    """Folder of a TFLite file, and its report."""
    path = tmp_path_factory.mktemp("lite") / "phone"
    return path, export(folders, path, **SEARCH)


def export(folders, path, **options):
    return exporting.export(
        exporting.ExportConfig(
            **{"model": folders["translation"], "format": "tflite"} | options,
            output_dir=str(path),
        )
    )


@pytest.mark.slow
def test_a_tflite_file_is_greedy_search(file, folders):
    path, report = file
    assert report["agreement"] == 1.0
    assert report["max_abs_difference"] < 1e-5
    model = Model(folders["translation"], num_beams=1, **SEARCH)
    runner = run_tflite(path)
    words = []
    for text in TEXTS[:1] + TEXTS[2:4]:
        ids = model.task.tokenizer([text], max_length=14, padding="max_length")
        names = dict(zip(ids, ("input_word_ids", "input_mask", "input_type_ids")))
        outputs = runner(**{names[name]: x.numpy() for name, x in ids.items()})
        assert outputs["output_ids"].shape == (1, 9)
        assert outputs["output_ids"].dtype == np.int32
        (prediction,) = model.predict([text])
        assert outputs["score"] == pytest.approx(prediction["score"], abs=1e-5)
        vocab = (path / "target_vocab.txt").read_text().splitlines()
        words.append([vocab[n] for n in outputs["output_ids"][0] if n > 3])
    assert all(words)


def run_tflite(path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    loaded = interpreter.Interpreter(str(path / "model.tflite"))
    return loaded.get_signature_runner("serving_default")


def test_both_vocabularies_are_in_the_file_and_beside_it(file, folders):
    path, _ = file
    start = pathlib.Path(folders["translation"])
    vocabularies = {
        "vocab.txt": (start / "vocab.txt").read_bytes(),
        "target_vocab.txt": (start / "decoder" / "vocab.txt").read_bytes(),
    }
    with zipfile.ZipFile(path / "model.tflite") as archive:
        assert set(archive.namelist()) == set(vocabularies)
        for name, data in vocabularies.items():
            assert archive.read(name) == data
            assert (path / name).read_bytes() == data
    for name in ("vocab.txt", "tokenizer_config.json"):
        copied = (path / "decoder" / name).read_bytes()
        assert copied == (start / "decoder" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_beams": 4}, "so num_beams does not apply; received 4. Drop it, or pass"),
        ({"do_sample": True}, "so do_sample does not apply; received True"),
        ({"format": "onnx", "num_beams": 4}, "a TFLite or ONNX file of translation"),
        ({"task": "translation", "top_k": 3}, "top_k is not an option of translation"),
        (
            {"max_target_length": 25},
            "max_target_length is 25, but the decoder has only",
        ),
        (
            {"model": "generation", "text_input": True},
            "text_input takes a single text, but generation reads two",
        ),
    ],
)
def test_what_a_file_cannot_do(folders, tmp_path, options, message):
    if "model" in options:
        options = options | {"model": folders[options["model"]]}
    with pytest.raises(ValueError, match=message):
        export(folders, tmp_path / "file", **options)
    assert not list(tmp_path.iterdir())


def test_a_text_with_another_token_differs(monkeypatch):
    """Scores of texts that differ are not compared."""
    expected = {"output_ids": [[5, 3, 0], [6, 3, 0]], "score": [[-1.0], [-2.0]]}
    expected = {name: list(map(np.array, rows)) for name, rows in expected.items()}
    outputs = {"output_ids": [[5, 3, 0], [7, 3, 0]], "score": [[-1.25], [-9.0]]}
    measured = {"outputs": outputs, "p50_ms": 1.0}
    monkeypatch.setattr(parity, "probe", lambda *_: measured)
    task = type("Task", (), {"name": "translation"})
    report = parity.compare_arrays("nowhere", "tflite", task, {}, expected)
    assert report["agreement"] == 0.5
    assert report["max_abs_difference"] == 0.25


def test_texts_have_limits_of_their_own():
    """In narrow numbers, where one token changes all that follow it."""
    report = {"texts": 64, "max_abs_difference": 0.3, "agreement": 0.4}
    parity.check(report, "int8", "translation")
    for precision, name in (("int8", "classification"), ("float16", "translation")):
        with pytest.raises(ArithmeticError, match=f"allowed for {precision}"):
            parity.check(report, precision, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"quantize": "int8"},
        {"quantize": "float16"},
        {"dynamic_length": True},
        {"text_input": True},
        {"no_repeat_ngram_size": 1, "min_target_length": 4},
        {"format": "onnx", "no_repeat_ngram_size": 2},
        {"format": "saved_model", "dtype": "bfloat16", "min_target_length": 3},
        {"format": "saved_model", "do_sample": True, "num_return_sequences": 2},
    ],
)
def test_other_files(folders, tmp_path, options):
    report = export(folders, tmp_path / "file", **options)
    narrow = "quantize" in options or "dtype" in options
    assert report["agreement"] > (0.8 if narrow else 0.99)
    assert report["max_abs_difference"] < (0.1 if narrow else 1e-5)
