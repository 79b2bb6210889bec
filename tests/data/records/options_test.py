"""How files are read: settings that the configurations of all verbs share."""

import pytest

import bert_tf
from bert_tf.data.records.options import reader_arguments
from bert_tf.doctor import DoctorConfig
from bert_tf.run.comparison import CompareConfig

GIVEN = {"delimiter": "tab", "encoding": "cp1252", "bad_rows": "skip", "sheet": "a"}
CONFIGS = [
    (
        bert_tf.FinetuneConfig,
        {"model": "m", "train_file": "a.csv", "output_dir": "out"},
    ),
    (bert_tf.EvaluateConfig, {"model": "m", "eval_file": "a.csv"}),
    (bert_tf.PredictConfig, {"model": "m", "echo": True}),
    (CompareConfig, {"model": "m", "baseline": "b", "eval_file": "a.csv"}),
    (
        bert_tf.IndexConfig,
        {"model": "m", "corpus_file": "a.csv", "output_dir": "out"},
    ),
    (bert_tf.SearchConfig, {"model": "m", "corpus_file": "a.csv"}),
    (DoctorConfig, {}),
]


@pytest.mark.parametrize(("config", "needed"), CONFIGS)
def test_every_verb_takes_them(config, needed, refusal):
    assert reader_arguments(config(**needed)) == {"bad_rows": "error"}
    columns = {"text_column": "t"} if hasattr(config, "text_column") else {}
    assert reader_arguments(config(**needed, **GIVEN, **columns)) == GIVEN | columns
    for name, value, part in (
        ("delimiter", "xx", "delimiter must be comma, semicolon, tab, pipe or one"),
        ("encoding", "nope", "encoding 'nope' is unknown."),
        ("bad_rows", "drop", "bad_rows must be one of error, skip; received 'drop'."),
    ):
        if config is not DoctorConfig:  # It reports what is wrong with a file.
            assert part in refusal(config, **needed, **{name: value})
