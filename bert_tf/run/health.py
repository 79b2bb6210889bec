"""How pretraining does beside what guessing would cost."""

import logging

import numpy as np

from bert_tf.data.corpus.baselines import baselines, hidden_pieces

_log = logging.getLogger(__name__)
_KNOWS = {
    "uniform": "it has learnt nothing yet",
    "unigram": "it knows how frequent pieces are, and no more",
    "bigram": "it knows about as much as the left neighbour tells",
}
_NEAR = 0.05  # Nats.
_STAYS = 3  # Evaluations in a row at one baseline before a word is said.


class Health:
    """Compares held-out losses with the baselines of the same hidden pieces.

    Args:
        store: `Store` that is trained on; its pieces are counted.
        rows: data set of masked rows that the model is scored on.

    Attributes:
        baselines: {"uniform", "unigram", "bigram": nats a hidden piece}.
    """

    def __init__(self, store, rows):
        pairs = [hidden_pieces(batch) for batch in rows]
        self.baselines = baselines(store, *(np.concatenate(x) for x in zip(*pairs)))
        self._at = []  # The baseline that each evaluation was near, "" for none.
        _log.info("guessing costs, in nats a hidden piece: %s.", self._list())

    def look(self, loss):
        """Logs a held-out loss beside the baselines; warns where it stays at one."""
        _log.info("masked_lm_loss %.3f (guessing: %s).", loss, self._list())
        near = [n for n, value in self.baselines.items() if abs(loss - value) < _NEAR]
        self._at.append(near[-1] if near else "")
        last = self._at[-_STAYS:]
        if last == near[-1:] * _STAYS:
            _log.warning(
                "training sits at the %s baseline: %s. If it stays there, try another "
                "learning_rate, a longer warm-up or a larger model.",
                *(last[0], _KNOWS[last[0]]),
            )

    def _list(self):
        return ", ".join(f"{n} {value:.3f}" for n, value in self.baselines.items())
