"""A tiny model folder for each task, made when it is first used."""

import collections.abc
import json

import pytest
import tiny
import tiny_folder

import bert_tf
from bert_tf.run import session

_PAIRS = "text\ttext_pair\tlabel\nit was good\tfine\t1\nbad\tgood , fine\t0\n"
_TEXTS = "text\tlabel\nit was good\t{}\nbad\t{}\na fine film\t{}\n"
FILES = {
    "classification": _TEXTS.format("up", "down", "up"),
    "regression": _TEXTS.format(1.5, 0.5, 1.25),
    "multi_label": _TEXTS.format("x|y", "y", "x|z"),
    "similarity": _PAIRS,
    "pairs": _PAIRS,
    "token_classification": (
        "it O\nwas O\nvery B-up\ngood I-up\n. O\n\na B-down\nfilm I-down\nis O\n"
        "very B-up\npoor I-up\n\n"
    ),
    "question_answering": json.dumps(
        {
            "question": "is it ?",
            "context": "the film is good .",
            "answers": [{"text": "good", "answer_start": 12}],
        }
    ),
    "multiple_choice": json.dumps(
        {"question": "it was", "choices": ["good", "bad", "a film"], "label": 0}
    ),
    "reranking": json.dumps(
        {"query": "it was", "positive": "a good film", "negatives": ["bad", "a film"]}
    ),
    "translation": (
        "source\ttarget\nit was good .\tes war gut.\nbad film .\tFilm, schlecht.\n"
        "a fine film\tein guter Film\n"
    ),
    "generation": json.dumps(
        {
            "question": "is it ?",
            "context": "the film is good .",
            "answers": ["good", "very good"],
        }
    ),
}
OPTIONS = {
    "multi_label": {"label_separator": "|"},
    "question_answering": {"doc_stride": 3},
    "translation": {"max_target_length": 9, "num_beams": 2},
    "generation": {"max_target_length": 7, "num_beams": 3},
}


class Folders(collections.abc.Mapping):
    """{name: path of a model folder}, for each task and for pairs of texts.

    A folder is made when it is first used. It is that of a run of fine-tuning, but for the
    weights, which are random: updates would take seconds.
    """

    def __init__(self, home):
        self.home = home
        tiny_folder.write(home / "features")
        tiny_folder.write_pretrained(home / "fill_mask")

    def __iter__(self):
        return iter(("features", "fill_mask", *FILES))

    def __len__(self):
        return 2 + len(FILES)

    def __getitem__(self, name):
        path = self.home / name
        if not path.exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(session, "train", stand_in)
                self.write(name)
        return str(path)

    def data(self, name):
        """Returns the path of the file that a folder was trained on."""
        suffix = ".jsonl" if FILES[name][0] == "{" else ".tsv"
        return self.home / f"{name}_data{suffix}"

    def write(self, name):
        file = self.data(name)
        file.write_text(FILES[name], encoding="utf-8")
        bert_tf.finetune(
            bert_tf.FinetuneConfig(
                model=str(self.home / "features"),
                task="classification" if name == "pairs" else name,
                train_file=str(file),
                max_seq_length=14,
                output_dir=str(self.home / name),
                **OPTIONS.get(name, {}),
            ),
            bert_tf.TrainConfig(max_steps=1, eval_strategy="no"),
        )


def stand_in(job, *_):
    """Returns what a run would leave, with random weights."""
    model = job.task.build(bert_tf.BertBackbone(job.folder.config))
    lines = [{"step": 1, "loss": 1.0}]
    return session.Trained(tiny.fill(model, 3), lines, {}, {"train_steps": 1}, 4)
