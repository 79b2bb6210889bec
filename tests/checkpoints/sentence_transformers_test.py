"""The files of sentence-transformers, of versions before and since 5.4."""

import json
import logging

import numpy as np
import pytest
import tiny
import tiny_folder

from bert_tf import Model
from bert_tf.checkpoints import folder, sentence_transformers
from bert_tf.config import BertConfig
from bert_tf.tasks.similarity import Similarity

CONFIG = BertConfig(max_position_embeddings=50)
OLD = "sentence_transformers.models."
NEW = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
}
FLAGS = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens"}


def put(path, name, values):
    (path / name).parent.mkdir(exist_ok=True, parents=True)
    (path / name).write_text(json.dumps(values))


def modules(path, *types, folders=("", "1_Pooling", "2_Normalize", "3_Dense")):
    entries = [
        {"idx": n, "name": str(n), "path": folder, "type": kind}
        for n, (kind, folder) in enumerate(zip(types, folders))
    ]
    put(path, "modules.json", entries)


def write_new(path, pooling, **more):
    """Writes what version 5.4 writes."""
    modules(path, *NEW.values())
    put(path, "sentence_bert_config.json", TRANSFORMER)
    put(path, "1_Pooling/config.json", {"pooling_mode": pooling, **more})


TRANSFORMER = {
    "transformer_task": "feature-extraction",
    "modality_config": {
        "text": {"method": "forward", "method_output_name": "last_hidden_state"}
    },
    "module_output_name": "token_embeddings",
}


def read(path, **tokenizer):
    return sentence_transformers.read(path, CONFIG, tokenizer)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_both_forms(tmp_path, pooling):
    expected = {"pooling": pooling, "normalize": True, "max_seq_length": 32}
    more = {"embedding_dimension": 12, "include_prompt": True}
    write_new(tmp_path, pooling, **more)
    assert read(tmp_path, model_max_length=32) == expected
    write_new(tmp_path, [pooling])
    assert read(tmp_path, model_max_length=32) == expected
    modules(tmp_path, f"{OLD}Transformer", f"{OLD}Pooling")
    put(tmp_path, "sentence_bert_config.json", {"max_seq_length": 32})
    flags = {f"pooling_mode_{flag}": name == pooling for name, flag in FLAGS.items()}
    put(tmp_path, "1_Pooling/config.json", {"word_embedding_dimension": 12, **flags})
    assert read(tmp_path, model_max_length=40) == expected | {"normalize": False}


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "cls,mean", "mean,cls"])
@pytest.mark.parametrize("normalize", [True, False])
def test_what_is_written_is_read(tmp_path, pooling, normalize):
    settings = {"pooling": pooling, "normalize": normalize, "max_seq_length": 40}
    prompts = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    for more in ({}, prompts | {"include_prompt": False}):
        sentence_transformers.write(tmp_path, settings | more, 768)
        assert read(tmp_path) == settings | more
    assert read(tmp_path / "1_Pooling") == {}


def test_the_longest_text_is_the_models_without_another_limit(tmp_path):
    write_new(tmp_path, "cls")
    assert read(tmp_path)["max_seq_length"] == 50
    assert read(tmp_path, model_max_length=1e30)["max_seq_length"] == 50


def test_no_flag_means_mean(tmp_path):
    write_new(tmp_path, "cls")
    put(tmp_path, "1_Pooling/config.json", {"word_embedding_dimension": 12})
    assert read(tmp_path)["pooling"] == "mean"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"pooling_mode": "lasttoken"}, "lasttoken"),
        ({"pooling_mode": "weightedmean"}, "weightedmean"),
        ({"pooling_mode": ["cls", "weightedmean"]}, "cls and weightedmean"),
        ({"pooling_mode": ["cls", "cls"]}, "cls and cls"),
        ({"pooling_mode": []}, "none"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len_tokens"),
        (
            {"pooling_mode_cls_token": True, "pooling_mode_lasttoken": True},
            "cls and lasttoken",
        ),
    ],
)
def test_other_poolings_are_refused_by_name_and_file(tmp_path, values, name):
    write_new(tmp_path, "cls")
    put(tmp_path, "1_Pooling/config.json", values)
    with pytest.raises(ValueError) as error:
        Similarity.restore(tiny.Tokenizer(), CONFIG, read(tmp_path))
    file = tmp_path / "1_Pooling" / "config.json"
    assert str(error.value) == (
        f"pooling must be one of mean, cls, max; received '{name} ({file})'."
    )


@pytest.mark.parametrize(
    "types",
    [
        (*NEW.values(), "sentence_transformers.base.modules.dropout.Dropout"),
        (NEW["Transformer"], NEW["Pooling"], f"{OLD}LayerNorm"),
        (NEW["Transformer"], NEW["Normalize"], NEW["Pooling"]),
        (NEW["Transformer"], "custom.Pooling"),
        (NEW["Transformer"],),
        (),
    ],
)
def test_other_modules_are_refused_by_name_and_file(tmp_path, types):
    write_new(tmp_path, "cls")
    modules(tmp_path, *types)
    names = [t.rpartition(".")[2] if "custom" not in t else t for t in types]
    with pytest.raises(ValueError) as error:
        Similarity.restore(tiny.Tokenizer(), CONFIG, read(tmp_path))
    assert f"received '{', '.join(names)} ({tmp_path}/modules.json)'" in str(
        error.value
    )


def test_other_outputs_of_the_encoder_are_refused(tmp_path):
    write_new(tmp_path, "cls")
    changed = TRANSFORMER | {"module_output_name": "sentence_embedding"}
    put(tmp_path, "sentence_bert_config.json", changed)
    with pytest.raises(ValueError, match="module_output_name 'sentence_embedding'"):
        Similarity.restore(tiny.Tokenizer(), CONFIG, read(tmp_path))


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("../../other", r"module 1: path '../../other' is outside of the folder"),
        ("/etc", "module 1: path '/etc' is outside of the folder"),
        ("..\\other", "is outside of the folder"),
        ("a\nb", r"module 1: path 'a\\nb' has characters that do not print"),
        ("a\0b", r"module 1: path 'a\\x00b' has characters that do not print"),
        (7, "module 1: path must be a string; received 7"),
    ],
)
def test_paths_that_leave_the_folder(tmp_path, folder, message):
    write_new(tmp_path, "cls")
    modules(tmp_path, *NEW.values(), folders=("", folder, "2_Normalize"))
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("modules.json", {"a": 1}, "must hold a JSON list"),
        ("modules.json", [3], "module: 0 must be a JSON object, {…}; received 3"),
        ("modules.json", [{"path": ""}], "module 0: type must be a string"),
        ("1_Pooling/config.json", [], "must hold a JSON object"),
        ("1_Pooling/config.json", {"pooling_mode": 3}, "must be a string or a list"),
        ("1_Pooling/config.json", {"pooling_mode": [3]}, "must be a string or a list"),
        (
            "1_Pooling/config.json",
            {"pooling_mode_cls_token": "no"},
            "pooling_mode_cls_token must be true or false; received 'no'",
        ),
        ("sentence_bert_config.json", {"max_seq_length": "9"}, "a whole number"),
        ("config_sentence_transformers.json", {"prompts": [1]}, "prompts must be"),
        (
            "config_sentence_transformers.json",
            {"prompts": {"query": 3}},
            "prompts: query must be a string; received 3",
        ),
        (
            "config_sentence_transformers.json",
            {"prompts": {"query": "q: "}, "default_prompt_name": "passage"},
            "default_prompt_name is 'passage', but prompts has 'query'",
        ),
        (
            "1_Pooling/config.json",
            {"pooling_mode": "cls", "include_prompt": "no"},
            "include_prompt must be true or false; received 'no'",
        ),
    ],
)
def test_wrong_types(tmp_path, name, values, message):
    write_new(tmp_path, "cls")
    put(tmp_path, name, values)
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path)
    assert str(tmp_path / name) in str(error.value)


def test_a_missing_file_of_the_pooling(tmp_path):
    write_new(tmp_path, "cls")
    (tmp_path / "1_Pooling/config.json").unlink()
    with pytest.raises(FileNotFoundError, match="no file .*1_Pooling/config.json"):
        read(tmp_path)


def test_an_encoder_in_a_folder_of_its_own(tmp_path):
    write_new(tmp_path, "cls")
    modules(tmp_path, *NEW.values(), folders=("0_Transformer", "1_Pooling", "2_"))
    with pytest.raises(ValueError, match="encoder in its folder '0_Transformer'"):
        read(tmp_path)


def test_lower_casing_that_only_sentence_transformers_adds(tmp_path):
    write_new(tmp_path, "cls")
    put(tmp_path, "sentence_bert_config.json", {"do_lower_case": True})
    cased, uncased = {"do_lower_case": False}, {"do_lower_case": True}
    sentence_transformers.read(tmp_path, CONFIG, cased)
    sentence_transformers.read(tmp_path, CONFIG, uncased)
    assert cased == {"do_lower_case": True, "strip_accents": False}
    assert uncased == {"do_lower_case": True}


def test_prompts_are_read_and_another_similarity_is_reported(tmp_path, caplog):
    write_new(tmp_path, "cls")
    put(
        tmp_path,
        "config_sentence_transformers.json",
        {
            "prompts": {"query": "query:\n", "document": ""},
            "default_prompt_name": "query",
            "similarity_fn_name": "dot",
        },
    )
    with caplog.at_level(logging.WARNING):
        settings = read(tmp_path)
    assert settings["prompts"] == {"query": "query:\n", "document": ""}
    assert settings["default_prompt_name"] == "query"
    file = tmp_path / "config_sentence_transformers.json"
    (similarity,) = [record.getMessage() for record in caplog.records]
    assert similarity == (
        f"{file} asks for the similarity 'dot'; bert_tf computes cosines."
    )


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_embeddings_are_pooled_as_the_folder_says(tmp_path, pooling):
    tiny_folder.write(tmp_path)
    write_new(tmp_path, pooling)
    model = Model(tmp_path)
    assert (model.task.name, model.task.normalize) == ("similarity", True)
    text = "a good film"
    ids = [2, *(tiny_folder.VOCAB.index(word) for word in text.split()), 3]
    states = model.keras_model.backbone({"input_ids": np.array([ids])})
    states = states["sequence_output"][0].numpy()
    pool = {"mean": states.mean(0), "cls": states[0], "max": states.max(0)}
    # Of several texts, packed into the same row, the same.
    received = model.predict([text, "it was bad", "the film"])[0]["embedding"]
    expected = pool[pooling] / np.linalg.norm(pool[pooling])
    np.testing.assert_allclose(received, expected, atol=1e-6)


def test_another_task_reads_a_folder_whose_pooling_it_does_not_need(tmp_path):
    tiny_folder.write(tmp_path)
    write_new(tmp_path, "lasttoken")
    with pytest.raises(ValueError, match=r"received 'lasttoken \(.*config.json\)'"):
        Model(tmp_path)
    features = Model(tmp_path, task="features").predict(["a film"])
    assert len(features[0]["tokens"]) == 4
    assert folder.read(tmp_path).settings["pooling"].startswith("lasttoken (")
