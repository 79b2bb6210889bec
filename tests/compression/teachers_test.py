"""What teachers and students must have in common."""

import dataclasses
import pathlib

import pytest
import tiny_folder

from bert_tf.checkpoints.folder import ModelFolder
from bert_tf.compression.teachers import Teacher, check_vocabulary

FOLDER = ModelFolder(
    tiny_folder.CONFIG, tiny_folder.VOCAB, {"do_lower_case": True}, decoder=None
)


def with_decoder(vocab):
    decoder = dataclasses.replace(FOLDER, vocab=vocab)
    return dataclasses.replace(FOLDER, decoder=decoder)


def test_the_vocabulary_of_targets_is_compared_too():
    teacher = Teacher(
        "translator", pathlib.Path("translator"), with_decoder(["a", "b"]), task=None
    )
    check_vocabulary(teacher, with_decoder(["a", "b"]), "student")
    check_vocabulary(teacher, FOLDER, "bert")  # Its decoder is made later.
    with pytest.raises(
        ValueError,
        match=r"student has another vocabulary of targets \(2 tokens\) than the teacher "
        r"translator \(2\)",
    ):
        check_vocabulary(teacher, with_decoder(["a", "c"]), "student")
