"""A TFLite file is scored as the model is."""

import numpy as np
import pytest

from bert_tf import Model
from bert_tf.serving import exporting, file_predictor
from bert_tf.serving.adapters import ADAPTERS

SCORED = sorted(name for name, adapter in ADAPTERS.items() if adapter.from_file)


def export(folder, path):
    config = exporting.ExportConfig(
        model=folder, format="tflite", output_dir=str(path), dynamic_length=True
    )
    exporting.export(config)


@pytest.mark.parametrize(
    "task",
    [
        *("classification", "question_answering"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in SCORED
            if name not in ("classification", "question_answering")
        ),
    ],
)
def test_scores_of_the_file_are_those_of_the_model(task, folders, tmp_path):
    model = Model(folders[task], batch_size=2)
    expected = model.evaluate(str(folders.data(task)))
    export(folders[task], tmp_path / "file")
    model.compute_by(file_predictor.make_predictor(tmp_path / "file", model.task))
    scores = model.evaluate(str(folders.data(task)))
    assert scores.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, float):
            assert scores[name] == pytest.approx(value, abs=1e-5), name
        else:
            assert scores[name] == value, name


def test_examples_are_taken_from_their_rows():
    rows = {
        "input_ids": np.array([[2, 7, 3, 2, 8], [2, 9, 9, 3, 0]]),
        "segment_ids": np.array([[0, 0, 0, 0, 0], [0, 0, 1, 1, 0]]),
        "sequence_ids": np.array([[1, 1, 1, 3, 3], [2, 2, 2, 2, 0]]),
        "first_token": np.array([0, 5, 3]),
    }
    ids, mask, segments = (
        [x.tolist() for x in side] for side in zip(*file_predictor.unpack(rows))
    )
    assert ids == [[[2, 7, 3]], [[2, 9, 9, 3]], [[2, 8]]]
    assert mask == [[[1, 1, 1]], [[1, 1, 1, 1]], [[1, 1]]]
    assert segments == [[[0, 0, 0]], [[0, 0, 1, 1]], [[0, 0]]]


def test_a_task_without_numbers_is_refused(folders):
    task = Model(folders["translation"]).task
    with pytest.raises(ValueError, match="a TFLite file of translation is not scored"):
        file_predictor.make_predictor("nowhere", task)


def test_windows_are_refused(folders):
    task = Model(folders["classification"], long_text="windows").task
    with pytest.raises(ValueError, match="not its windows; pass long_text=truncate"):
        file_predictor.make_predictor("nowhere", task)
