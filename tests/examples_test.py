"""Every public name has an example in its docstring, and the examples run."""

import doctest
import operator
import pathlib

import pytest
import tiny_folder

import bert_tf
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.tokenization import write_vocab

ROWS = "".join(
    f"{begin} {end},{label}\n"
    for begin in ("the film is", "it was", "a very", "is it")
    for end, label in (
        ("good", "pos"),
        ("fine", "pos"),
        ("bad", "neg"),
        ("poor", "neg"),
    )
)
TEXT = "The film is good. It is very fine.\n\nIt was poor. The film was bad.\n"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """A folder with what the examples name: bert, model, train.csv, dev.csv, store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write_pretrained("bert")
        for name in ("train.csv", "dev.csv"):
            pathlib.Path(name).write_text("text,label\n" + ROWS)
        pathlib.Path("text.txt").write_text(TEXT)
        write_vocab("vocab.txt", tiny_folder.VOCAB)
        create_pretraining_data(
            PretrainingDataConfig(
                input_files="text.txt",
                vocab_file="vocab.txt",
                output_dir="store",
                num_workers=1,
            )
        )
        bert_tf.finetune(
            bert_tf.FinetuneConfig(
                model="bert",
                train_file="train.csv",
                output_dir="model",
                max_seq_length=16,
            ),
            bert_tf.TrainConfig(
                num_train_epochs=30, per_device_train_batch_size=4, learning_rate=2e-2
            ),
        )
        yield


# Methods whose docstrings have an example, too.
METHODS = [
    "Bert2Bert.from_pretrained",
    "Bert2Bert.save_pretrained",
    "BertBackbone.from_pretrained",
    "Classifier.from_pretrained",
    "Classifier.save_pretrained",
]


@pytest.mark.parametrize("name", [*bert_tf.__all__, *METHODS])
def test_the_example_runs(name):
    public = operator.attrgetter(name)(bert_tf)
    (example,) = doctest.DocTestFinder(recurse=False).find(public, name, globs={})
    assert example.examples, f"the docstring of {name} has no example"
    assert "doctest: +SKIP" not in example.docstring
    runner = doctest.DocTestRunner(
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert runner.run(example).failed == 0
