"""Every task has an entry in the table of serving."""

from bert_tf.serving.adapters import ADAPTERS
from bert_tf.tasks import TASKS


def test_adapters_cover_every_task():
    assert ADAPTERS.keys() == TASKS.keys()


def test_tasks_without_scores_have_no_padded_form():
    without = {name for name, adapter in ADAPTERS.items() if adapter.padded is None}
    assert without == {name for name, task in TASKS.items() if not task.scored}
