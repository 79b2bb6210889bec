"""Hundreds of bad inputs to the real scripts: each is refused in one line, or works.

No traceback, no hang, no crash, no success with NaN, no gigabytes.
"""

import dataclasses
import os

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The tree of bad inputs, a folder for streams, and {what is damaged: names}."""
    from bad_inputs import forks, tree, trials

    path = tmp_path_factory.mktemp("bad_inputs")
    streams = tmp_path_factory.mktemp("streams")
    forks.apart(tree.write_start, path)
    forks.apart(_train, path, streams, "good", lambda: None)
    # As if it had been killed before it wrote its last file.
    forks.apart(_train, path, streams, "interrupted", lambda: os._exit(0))
    assert not (path / "interrupted/metrics.json").exists()
    return path, streams, trials.folders_of(path)


def _train(home, streams, output_dir, finish):
    """Trains a classifier; `finish` is called before its metrics are written."""
    from bad_inputs import forks, trials

    from bert_tf.run import session

    def interrupted(*arguments):
        finish()
        write(*arguments)

    write, session.finish = session.finish, interrupted
    data = ("classification.csv", "--eval_file=classification.csv", "--save_steps=1")
    arguments = (*trials.finetune(*data), f"--output_dir={output_dir}")
    trial = forks.Trial(output_dir, "finetune", arguments)
    for _, ending in forks.run([trial], home, streams):
        assert ending.status == 0, ending.err


def check(home, streams, list_of_trials):
    from bad_inputs import forks

    report = []
    for trial, ending in forks.run(list_of_trials, home, streams):
        if found := forks.complaints(trial, ending):
            report.append(forks.describe(trial, ending, found))
    assert not report, f"{len(report)} of {len(list_of_trials)}:\n" + "\n".join(report)


@pytest.mark.parametrize("kind", ["models", "stores", "records", "corpora", "runs"])
def test_damaged_inputs_are_refused_in_one_line(home, kind):
    from bad_inputs import trials

    path, streams, names = home
    check(path, streams, getattr(trials, f"of_{kind}")(names[kind]))


def test_bad_lines_are_refused_in_one_line(home):
    from bad_inputs import trials

    check(*home[:2], trials.of_lines())


def test_a_run_that_diverges_fails(home):
    from bad_inputs import trials

    check(*home[:2], trials.diverging())


@pytest.mark.parametrize("script", ["finetune", "pretrain", "predict"])
def test_bad_values_of_flags_are_refused_in_one_line(home, script):
    from bad_inputs import trials

    import bert_tf
    from bert_tf.tasks import TASKS

    configs, arguments = {
        "finetune": (
            (
                bert_tf.FinetuneConfig,
                TASKS["classification"].Options,
                bert_tf.TrainConfig,
            ),
            trials.finetune("classification.csv"),
        ),
        "pretrain": (
            (bert_tf.PretrainConfig, bert_tf.TrainConfig),
            ("--data_dir=store", "--size=tiny", *trials.QUICK),
        ),
        "predict": ((bert_tf.PredictConfig,), ("--model=good", "the film")),
    }[script]
    fields = [
        field
        for config in configs
        for field in dataclasses.fields(config)
        if "help" in field.metadata
    ]
    check(*home[:2], trials.of_flags(script, fields, arguments))
