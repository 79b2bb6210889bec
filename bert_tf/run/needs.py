"""What the verbs have in common."""

import dataclasses
import logging
import os
import pathlib
import sys

import tqdm

from bert_tf.training import journal
from bert_tf.training.distribution import make_strategy
from bert_tf.training.workers import watched

_log = logging.getLogger(__name__)


def need(config, *names):
    for name in names:
        if not getattr(config, name):
            raise ValueError(f"{name} is missing: pass --{name}=… with a value.")


def unless_finished(output_dir, flags, distribution, work):
    """Returns what `work` returns, or the metrics of a run that is finished already.

    Args:
        output_dir: of the run.
        flags: {name: value}, all of the run.
        distribution: name, as `make_strategy` knows it.
        work: function(strategy) -> metrics.

    Raises:
        ValueError: the folder holds another run, or the strategy can't be made.
        ConnectionError: of several workers, one is lost.
    """
    output_dir = pathlib.Path(output_dir)
    finished = journal.finished_metrics(output_dir, flags)
    if finished is not None:
        _log.warning(
            "%s is finished already; another output_dir trains anew.", output_dir
        )
        return finished
    # Workers must have met before TensorFlow computes anything.
    strategy = make_strategy(distribution)
    with watched(output_dir):
        return work(strategy)


def columns_asked(config):
    """The columns asked for, None where they are to be guessed."""
    return {
        name: getattr(config, name) or None
        for name in ("text_column", "text_pair_column", "label_column")
    }


def reading_bar(files, description):
    """A progress bar over the bytes of files, silent where it is soon over."""
    return tqdm.tqdm(
        total=sum(map(os.path.getsize, files)),
        desc=description,
        unit="B",
        unit_scale=True,
        delay=3,
        # A file gets a line now and then, a terminal a bar that moves.
        mininterval=0.5 if sys.stderr.isatty() else 15,
    )


def changed(config, defaults=None):
    """Returns {field: value} of what is not as by default.

    Args:
        config: dataclass.
        defaults: {field: value} where a script has another default.
    """
    default = {field.name: field.default for field in dataclasses.fields(config)}
    default |= defaults or {}
    return {
        name: getattr(config, name)
        for name in default
        if getattr(config, name) != default[name]
    }
