"""A few sentences, and a store of them."""

import pathlib

import tiny_folder

from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.tokenization import write_vocab

TEXT = """The film is good. It is very fine.
A good film, is it?

It was poor, very poor. The film was bad.

Is the film fine? It is. It was a fine film.
"""


def make_store(path, text=TEXT, vocab=tiny_folder.VOCAB, **options):
    """Writes a store, and its text and vocabulary, into the current folder."""
    pathlib.Path("text.txt").write_text(text)
    write_vocab("vocab.txt", vocab)
    create_pretraining_data(
        PretrainingDataConfig(
            input_files="text.txt",
            vocab_file="vocab.txt",
            output_dir=path,
            num_workers=1,
            **options,
        )
    )
