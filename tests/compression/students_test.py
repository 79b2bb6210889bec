"""Which model learns, and which of its layers are compared."""

import dataclasses

import numpy as np
import pytest
import tiny_folder

from bert_tf.checkpoints import weights
from bert_tf.checkpoints.folder import ModelFolder
from bert_tf.compression import students

CONFIG = dataclasses.replace(tiny_folder.CONFIG, num_hidden_layers=5)
TEACHER = ModelFolder(CONFIG, tiny_folder.VOCAB, {"do_lower_case": True}, {"task": "x"})


class TestChoose:
    def test_layers_of_the_teacher(self):
        student = students.choose("teacher", "0,2,4", TEACHER)
        assert student.kept == (0, 2, 4)
        assert student.path is None
        assert student.folder.config == dataclasses.replace(CONFIG, num_hidden_layers=3)
        assert student.folder.vocab == tiny_folder.VOCAB

    def test_layers_of_a_pruned_teacher_keep_their_sizes(self):
        shapes = [(2, 14), (1, 14), (2, 8), (1, 8), (2, 3)]
        pruned = dataclasses.replace(TEACHER, config=CONFIG.with_layers(shapes))
        config = students.choose("teacher", "1,4", pruned).folder.config
        assert list(config.layer_shapes) == [(1, 14), (2, 3)]

    @pytest.mark.parametrize(
        "name, sizes",
        [
            ("mini", (4, 256, 4)),
            ("3x128", (3, 128, 2)),
            ("2x20", (2, 20, 1)),
            ("2x100", (2, 100, 1)),
        ],
    )
    def test_a_size_reads_what_the_teacher_reads(self, name, sizes):
        config = students.choose(name, "", TEACHER).folder.config
        layers, width, heads = sizes
        assert config.num_hidden_layers == layers
        assert (config.hidden_size, config.intermediate_size) == (width, 4 * width)
        assert config.num_attention_heads == heads
        assert config.vocab_size == CONFIG.vocab_size
        assert config.max_position_embeddings == CONFIG.max_position_embeddings

    def test_a_folder(self, tmp_path):
        tiny_folder.write(tmp_path / "start")
        student = students.choose(str(tmp_path / "start"), "", TEACHER)
        assert student.path == tmp_path / "start"
        assert student.folder.config.num_hidden_layers == 1

    @pytest.mark.parametrize(
        "name, keep_layers, says",
        [
            (
                "teacher",
                "",
                "student=teacher needs keep_layers.*such as 0,2,4; received ''",
            ),
            ("teacher", "0,two", "received '0,two'"),
            (
                "teacher",
                "0,5",
                "from 0 to 4, since the teacher has 5 layers; received '0,5'",
            ),
            ("teacher", "2,0", "keep_layers must rise.*received '2,0'"),
            ("teacher", "1,1", "keep_layers must rise.*received '1,1'"),
            (
                "tiny",
                "0,1",
                "student is 'tiny'; pass --student=teacher, or drop keep_layers",
            ),
            ("0x128", "", "num_hidden_layers must be a whole number from 1"),
        ],
    )
    def test_bad_flags(self, name, keep_layers, says):
        with pytest.raises(ValueError, match=says):
            students.choose(name, keep_layers, TEACHER)

    def test_a_teacher_with_a_decoder_gives_no_layers(self):
        both = dataclasses.replace(TEACHER, decoder=TEACHER)
        for name, keep_layers in (("teacher", "0"), ("tiny", "")):
            with pytest.raises(
                ValueError, match="has a decoder, too; pass a model fold"
            ):
                students.choose(name, keep_layers, both)


def test_layers_are_renumbered():
    paths = [f"bert/encoder/layer_{n}/output/dense/kernel" for n in (0, 1, 10)]
    arrays = {path: np.array(n) for n, path in enumerate(paths)}
    arrays["bert/pooler/dense/kernel"] = np.array(7)
    assert weights.select_layers(arrays, (0, 10)) == {
        "bert/encoder/layer_0/output/dense/kernel": 0,
        "bert/encoder/layer_1/output/dense/kernel": 2,
        "bert/pooler/dense/kernel": 7,
    }


class TestMap:
    def test_is_even(self):
        # TinyBERT's map of 4 layers to 12.
        assert students.map_layers("", 4, 12) == [
            (0, 0),
            (1, 3),
            (2, 6),
            (3, 9),
            (4, 12),
        ]
        assert students.map_layers("", 2, 5) == [(0, 0), (1, 3), (2, 5)]

    def test_is_read(self):
        assert students.map_layers("0:1, 2:5", 2, 5) == [(0, 1), (2, 5)]

    @pytest.mark.parametrize(
        "text, says",
        [
            ("1:6", "a layer that the teacher does not have; its layers are 1 to 5"),
            ("3:5", "a layer that the student does not have; its layers are 1 to 2"),
            ("1", "such as 1:2,2:4; received '1'"),
            ("1:2,", "received '1:2,'"),
            ("-1:2", "received '-1:2'"),
        ],
    )
    def test_bad_maps(self, text, says):
        with pytest.raises(ValueError, match=says):
            students.map_layers(text, 2, 5)
