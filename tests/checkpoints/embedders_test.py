"""Published embedders, with Dense modules and prompts: read, trained, written and served."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny_embedders
from tiny_embedders import LAYOUTS, PROMPTS

import bert_tf
from bert_tf import Model, light
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import formats, layouts
from bert_tf.retrieval import searching
from bert_tf.run import converting
from bert_tf.serving import exporting
from bert_tf.training.loop import TrainConfig

TEXTS = [
    "a good film",
    "it was bad",
    "the film is very very fine , it is good . the film is fine",  # More than 16 tokens.
]
PAIRS = (
    "text\ttext_pair\tlabel\n"
    "a good film\tit is fine\t1\n"
    "it was bad\tthe film is poor\t0.9\n"
    "a good film\tit was bad\t0\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        for name in LAYOUTS:
            tiny_embedders.write(pathlib.Path(name), name)
        yield pathlib.Path.cwd()


@pytest.fixture(autouse=True)
def _home(home):
    """Runs each test in the folder with all layouts."""


def embed(path, texts=TEXTS, **options):
    return np.array([x["embedding"] for x in Model(path, **options).predict(texts)])


def behind(prompt, texts=TEXTS):
    return [prompt + text for text in texts]


def change(path, file, **values):
    """Copies a folder, in which it changes values of a JSON file; returns the copy."""
    copy = pathlib.Path(f"{path}_changed")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy)
    known = json.loads((copy / file).read_text())
    known = {key: x for key, x in (known | values).items() if x is not None}
    (copy / file).write_text(json.dumps(known))
    return copy


class TestLayouts:
    @pytest.mark.parametrize("name", LAYOUTS)
    def test_vectors(self, name):
        prompt = PROMPTS["passage"] if name == "e5" else ""
        expected = tiny_embedders.vectors(pathlib.Path(name), name, behind(prompt))
        np.testing.assert_allclose(embed(name), expected, atol=1e-6)

    @pytest.mark.parametrize("name", ["labse", "joined", "e5"])
    def test_saved_again(self, name):
        model = bert_tf.Embedder.from_pretrained(name)
        model.save_pretrained("saved")
        np.testing.assert_allclose(embed("saved"), embed(name), atol=1e-6)
        for file in pathlib.Path(name).rglob("*_Dense/*"):
            copy = pathlib.Path("saved") / file.relative_to(name)
            if file.suffix == ".json":
                assert json.loads(copy.read_text()) == json.loads(file.read_text())
            else:
                ours, theirs = map(formats.read_safetensors, (copy, file))
                assert ours.keys() == theirs.keys()
                for key in ours:
                    np.testing.assert_array_equal(ours[key], theirs[key])
        # transformers must find its own names alone.
        names = formats.read_shapes("saved/model.safetensors")
        assert not [key for key in names if "Dense" in key]
        assert folders.read("saved").settings.get("prompts") == (
            PROMPTS if name == "e5" else None
        )

    def test_keras_keeps_the_dense_layers(self):
        model = bert_tf.Embedder.from_pretrained("joined")
        batch = {"input_ids": np.array([[2, 8, 14, 3]])}
        again = type(model).from_config(model.get_config())
        again.set_weights(model.get_weights())
        expected = model(batch)["embeddings"]
        np.testing.assert_array_equal(again(batch)["embeddings"], expected)

    @pytest.mark.parametrize("dtype", ["float16", "int8"])
    def test_converted(self, dtype):
        shutil.rmtree("converted", ignore_errors=True)
        config = converting.ConvertConfig(
            input="labse", output="converted", weights_dtype=dtype
        )
        assert converting.convert(config)["architecture"] == "BertModel"
        ours, theirs = layouts.read_arrays("converted"), layouts.read_arrays("labse")
        for key in ("2_Dense/kernel", "2_Dense/bias"):
            np.testing.assert_array_equal(ours[key], theirs[key])
        np.testing.assert_allclose(embed("converted"), embed("labse"), atol=0.05)

    def test_another_task_leaves_the_dense_layers_out(self):
        assert (
            len(Model("labse", task="features").predict(["a film"])[0]["tokens"]) == 4
        )


class TestBadDense:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                {"in_features": 11},
                "in_features is 11, but the module before gives .* 12",
            ),
            ({"out_features": 8}, r"linear.weight \[7, 12\].* says .*\[8, 12\]"),
            ({"bias": False}, r"linear.bias \[7\].* but config.json beside it says"),
            (
                {"out_features": "7"},
                "out_features must be a whole number; received '7'",
            ),
            ({"out_features": None}, "out_features must be a whole number; .* none"),
        ],
    )
    def test_the_folder_is_refused(self, values, message):
        with pytest.raises(ValueError, match=message):
            folders.read(change("labse", "2_Dense/config.json", **values))

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                {"activation_function": "torch.nn.modules.activation.ReLU"},
                "Dense with activation_function 'torch.nn.modules.activation.ReLU'",
            ),
            ({"module_input_name": "tokens"}, "Dense with module_input_name 'tokens'"),
        ],
    )
    def test_embeddings_are_refused(self, values, message):
        path = change("labse", "2_Dense/config.json", **values)
        with pytest.raises(ValueError, match=rf"received .{message}.* \(.*2_Dense"):
            Model(path)
        assert Model(path, task="features").task.name == "features"

    def test_a_pickle(self):
        path = change("labse", "2_Dense/config.json")
        file = path / "2_Dense/model.safetensors"
        file.rename(file.with_name("pytorch_model.bin"))
        with pytest.raises(ValueError, match="as pytorch_model.bin only, a pickle"):
            Model(path)

    def test_no_weights(self):
        path = change("labse", "2_Dense/config.json")
        (path / "2_Dense/model.safetensors").unlink()
        with pytest.raises(FileNotFoundError, match="no weight file .*2_Dense/model"):
            Model(path)

    def test_weights_that_are_not_finite(self):
        path = change("labse", "2_Dense/config.json")
        file = path / "2_Dense/model.safetensors"
        arrays = formats.read_safetensors(file)
        broken = {key: np.full_like(x, np.nan) for key, x in arrays.items()}
        formats.write_safetensors(file, broken)
        with pytest.raises(ValueError, match="2_Dense/model.safetensors holds NaN"):
            Model(path)

    @pytest.mark.parametrize(
        ("dense", "message"),
        [
            ([3], r"dense\[0\] must be a JSON object, {…}; received 3"),
            ([{"name": "2_Dense"}], r"dense\[0\]: out_features must be a whole number"),
            (
                [{"name": "x", "out_features": 3, "bias": True, "activation": "tanh"}],
                "name is 'x'; name must be 2_Dense to 9_Dense",
            ),
            (
                [
                    {
                        "name": "2_Dense",
                        "out_features": 3,
                        "bias": True,
                        "activation": "y",
                    }
                ],
                "activation is 'y'",
            ),
            ("x", "dense must be a JSON list"),
        ],
    )
    def test_settings_of_config_json(self, dense, message):
        path = change("labse", "config.json", bert_tf={"dense": dense})
        with pytest.raises(ValueError, match=message):
            Model(path)


class TestPrompts:
    def test_of_single_texts(self):
        def at(prompt):
            return tiny_embedders.vectors(pathlib.Path("e5"), "e5", behind(prompt))

        for name, prompt in PROMPTS.items():
            found = embed("e5", prompt_name=name)
            np.testing.assert_allclose(found, at(prompt), atol=1e-6)
        # Two names are for pairs; single texts have the default.
        found = embed("e5", prompt_name="query,passage")
        np.testing.assert_allclose(found, at(PROMPTS["passage"]), atol=1e-6)

    def test_of_pairs(self):
        path = pathlib.Path("e5")
        first = tiny_embedders.vectors(path, "e5", behind(PROMPTS["query"]))
        second = tiny_embedders.vectors(path, "e5", behind(PROMPTS["passage"]))
        records = [{"text": text, "text_pair": text} for text in TEXTS]
        found = [
            x["similarity"] for x in Model("e5", prompt_name="query,").predict(records)
        ]
        plain = tiny_embedders.vectors(path, "e5", TEXTS)
        np.testing.assert_allclose(found, (first * plain).sum(axis=1), atol=1e-6)
        model = Model("e5", prompt_name="query,passage")
        found = [row["similarity"] for row in model.predict(records)]
        np.testing.assert_allclose(found, (first * second).sum(axis=1), atol=1e-6)
        found = [row["similarity"] for row in Model("e5").predict(records)]
        np.testing.assert_allclose(found, 1, atol=1e-6)
        pathlib.Path("pairs.tsv").write_text(PAIRS)
        config = bert_tf.EvaluateConfig(
            model="e5", eval_file="pairs.tsv", prompt_name="query,passage"
        )
        by_file = bert_tf.evaluate(config)["eval_loss"]
        rows = [line.split("\t") for line in PAIRS.splitlines()[1:]]
        sides = [
            tiny_embedders.vectors(path, "e5", behind(prompt, [row[n] for row in rows]))
            for n, prompt in enumerate(PROMPTS.values())
        ]
        labels = [float(row[2]) for row in rows]
        expected = np.mean(((sides[0] * sides[1]).sum(axis=1) - labels) ** 2)
        assert by_file == pytest.approx(expected, abs=1e-6)

    def test_the_texts_themselves_are_echoed(self):
        (row,) = Model("e5").predict(["a film"], echo=True)
        assert row["text"] == "a film"

    @pytest.mark.parametrize(
        ("name", "options", "message"),
        [
            (
                "e5",
                "document",
                "folder, which has 'query', 'passage'; received 'document'",
            ),
            ("e5", "query,other", "folder, which has .*; received 'other'"),
            ("e5", "query,passage,query", "or two with a comma between"),
            ("bge", "query", "folder, which has none; received 'query'"),
        ],
    )
    def test_another_name_is_refused(self, name, options, message):
        with pytest.raises(ValueError, match=f"prompt_name must be .*({message})"):
            Model(name, prompt_name=options)

    def test_prompts_that_are_not_pooled_are_refused(self):
        path = change("e5", "1_Pooling/config.json", include_prompt=False)
        with pytest.raises(ValueError, match=r"include_prompt: false.*'it is '\."):
            Model(path)
        plain = change(
            path, "config_sentence_transformers.json", default_prompt_name=None
        )
        expected = tiny_embedders.vectors(plain, "e5", TEXTS)
        np.testing.assert_allclose(embed(plain), expected, atol=1e-6)
        with pytest.raises(ValueError, match="include_prompt: false.*'film . '"):
            Model(plain, prompt_name="query")

    @pytest.mark.parametrize(
        ("own", "message"),
        [
            ({"prompts": ["query"]}, "prompts must be a JSON object"),
            ({"prompts": {"query": 7}}, "query must be a string; received 7"),
            (
                {"prompts": {"query": "q"}, "default_prompt_name": "other"},
                "default_prompt_name is 'other', but prompts has 'query'",
            ),
        ],
    )
    def test_settings_of_config_json(self, own, message):
        with pytest.raises(ValueError, match=message):
            Model(change("e5", "config.json", bert_tf=own))

    def test_search_tells_queries_from_texts(self):
        pathlib.Path("corpus.txt").write_text("\n".join(TEXTS))

        def search(**options):
            config = bert_tf.SearchConfig(
                model="e5", corpus_file="corpus.txt", top_k=3, **options
            )
            return {
                row["text"]: row["score"]
                for row in searching.search(config, ["film"])[0]
            }

        def expected(query, text):
            path = pathlib.Path("e5")
            (first,) = tiny_embedders.vectors(path, "e5", [query + "film"])
            seconds = tiny_embedders.vectors(path, "e5", behind(text))
            return dict(zip(TEXTS, (seconds @ first).tolist()))

        usual = expected(PROMPTS["query"], PROMPTS["passage"])
        assert search() == pytest.approx(usual, abs=1e-6)
        assert search(prompt_name="passage") == pytest.approx(
            expected(PROMPTS["passage"], PROMPTS["passage"]), abs=1e-6
        )
        assert search(prompt_name="passage,query") == pytest.approx(
            expected(PROMPTS["passage"], PROMPTS["query"]), abs=1e-6
        )


@pytest.fixture(scope="module")
def trained(home):
    """Trains the layout with prompts, with two of them, and LaBSE's."""
    pathlib.Path("train.tsv").write_text(PAIRS)
    training = TrainConfig(
        num_train_epochs=3, learning_rate=1e-2, per_device_train_batch_size=1
    )
    scores = {}
    for name, options in (("e5", {"prompt_name": "query,passage"}), ("labse", {})):
        config = bert_tf.FinetuneConfig(
            model=name,
            task="similarity",
            train_file="train.tsv",
            eval_file="train.tsv",
            max_seq_length=16,
            output_dir=f"{name}_trained",
            **options,
        )
        scores[name] = bert_tf.finetune(config, training)
    return scores


class TestWidths:
    @pytest.mark.parametrize("name", ["labse", "gte"])
    def test_the_first_numbers(self, name):
        whole = tiny_embedders.vectors(pathlib.Path(name), name, TEXTS)[:, :3]
        length = np.linalg.norm(whole, axis=1, keepdims=True) if name == "labse" else 1
        np.testing.assert_allclose(embed(name, dim=3), whole / length, atol=1e-6)

    def test_more_than_there_are(self):
        with pytest.raises(ValueError, match="dim must be from 1 to 7.* received 8"):
            Model("labse", dim=8)

    def test_exported(self):
        config = exporting.ExportConfig(
            model="labse", output_dir="narrow", format="tflite", dim=3
        )
        exporting.export(config)
        found = [row["embedding"] for row in light.Model("narrow").predict(TEXTS)]
        np.testing.assert_allclose(found, embed("labse", dim=3), atol=1e-5)


class TestTraining:
    def test_prompts_are_remembered(self, trained):
        config = bert_tf.EvaluateConfig(model="e5_trained", eval_file="train.tsv")
        scores = bert_tf.evaluate(config)
        assert scores["eval_loss"] == pytest.approx(
            trained["e5"]["eval_loss"], abs=1e-6
        )
        written = json.loads(
            pathlib.Path("e5_trained/config_sentence_transformers.json").read_text()
        )
        assert written["prompts"] == PROMPTS
        assert written["default_prompt_name"] == "passage"

    def test_dense_layers_are_trained_and_written(self, trained):
        old, new = map(layouts.read_arrays, ("labse", "labse_trained"))
        assert new["2_Dense/kernel"].shape == (12, 7)
        assert np.abs(new["2_Dense/kernel"] - old["2_Dense/kernel"]).max() > 1e-4
        path = pathlib.Path("labse_trained")
        expected = tiny_embedders.vectors(path, "labse", TEXTS)
        np.testing.assert_allclose(embed(path), expected, atol=1e-6)
        assert (path / "3_Normalize").is_dir()

    def test_an_unknown_prompt_is_refused_before_the_run(self):
        config = bert_tf.FinetuneConfig(
            model="e5",
            task="similarity",
            train_file="train.tsv",
            output_dir="refused",
            prompt_name="task",
            max_seq_length=16,
        )
        with pytest.raises(ValueError, match="received 'task'"):
            bert_tf.finetune(config)
        assert not pathlib.Path("refused").exists()


class TestServing:
    @pytest.fixture(scope="class")
    @classmethod
    def served(cls, home):
        config = exporting.ExportConfig(model="e5", output_dir="served")
        assert exporting.export(config)["agreement"] == 1.0
        return tf.saved_model.load("served").signatures

    @pytest.mark.parametrize("name", ["serving_default", *PROMPTS])
    def test_a_signature_for_each_prompt(self, served, name):
        prompt = PROMPTS["passage" if name == "serving_default" else name]
        found = served[name](text=tf.constant(TEXTS))["embedding"]
        expected = tiny_embedders.vectors(pathlib.Path("e5"), "e5", behind(prompt))
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_pairs_have_the_default(self, served):
        texts = tf.constant(TEXTS)
        found = served["pairs"](text=texts, text_pair=texts[::-1])["similarity"]
        own = tiny_embedders.vectors(
            pathlib.Path("e5"), "e5", behind(PROMPTS["passage"])
        )
        np.testing.assert_allclose(found, (own * own[::-1]).sum(axis=1), atol=1e-5)

    def test_a_file_knows_its_prompts(self):
        config = exporting.ExportConfig(
            model="e5", output_dir="phone", format="tflite", prompt_name="query"
        )
        assert exporting.export(config)["max_abs_difference"] < 1e-5
        found = [row["embedding"] for row in light.Model("phone").predict(TEXTS)]
        expected = embed("e5", prompt_name="query")
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_a_file_that_takes_text_has_no_prompt(self):
        config = exporting.ExportConfig(
            model="e5", output_dir="text", format="tflite", text_input=True
        )
        with pytest.raises(ValueError, match="puts the prompt 'it is ' before each"):
            exporting.export(config)
