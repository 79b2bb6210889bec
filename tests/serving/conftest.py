"""A tiny model folder for each task, trained once per session."""

import json

import pytest
import running_server
import tiny_folder

import bert_tf

TRAINING = bert_tf.TrainConfig(
    max_steps=8,
    per_device_train_batch_size=4,
    learning_rate=2e-2,
    eval_strategy="no",
)
_TEXTS = "text\tlabel\nit was good\t{}\nbad\t{}\na fine film\t{}\n"
FILES = {
    "classification": _TEXTS.format("up", "down", "up"),
    "regression": _TEXTS.format(1.5, 0.5, 1.25),
    "multi_label": _TEXTS.format("x|y", "y", "x|z"),
    "similarity": "text\ttext_pair\tlabel\nit was good\tfine\t1\nbad\tgood , fine\t0\n",
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
}
OPTIONS = {
    "multi_label": {"label_separator": "|"},
    "question_answering": {"doc_stride": 3},
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """{name: path of a model folder}, for each task and for pairs of texts."""
    home = tmp_path_factory.mktemp("folders")
    tiny_folder.write(home / "start")
    tiny_folder.write_pretrained(home / "fill_mask")
    paths = {"fill_mask": home / "fill_mask", "features": home / "start"}
    contents = FILES | {
        "pairs": "text\ttext_pair\tlabel\nit was good\tfine\t1\nbad\tgood , fine\t0\n"
    }
    for name, content in contents.items():
        suffix = ".jsonl" if content[0] == "{" else ".tsv"
        path = (home / f"{name}_data").with_suffix(suffix)
        path.write_text(content, encoding="utf-8")
        task = "classification" if name == "pairs" else name
        bert_tf.finetune(
            bert_tf.FinetuneConfig(
                model=str(home / "start"),
                task=task,
                train_file=str(path),
                max_seq_length=14,
                output_dir=str(home / name),
                **OPTIONS.get(task, {}),
            ),
            TRAINING,
        )
        paths[name] = home / name
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture(scope="module")
def serve(folders):
    """Function(name of a folder, {limit: value}, …) → `Running`, the same for the same."""
    servers = {}

    def start(task, limits=None, **options):
        key = task, str(limits), str(options)
        if key not in servers:
            model = {"model": folders[task], "name": "model"}
            servers[key] = running_server.Running.of_model(limits, **model, **options)
        return servers[key]

    yield start
    for server in servers.values():
        server.stop()
