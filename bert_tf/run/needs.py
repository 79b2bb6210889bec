"""What the verbs have in common."""

import logging
import pathlib

from bert_tf.training import journal
from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.workers import watched

_log = logging.getLogger(__name__)


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
