"""Compares pretraining with simple predictors of the same hidden tokens."""

import logging

import numpy as np

from bert_tf.data.corpus.baselines import baselines, hidden_pieces

_log = logging.getLogger(__name__)
_MEANING = {
    "uniform": "it has learnt nothing yet",
    "unigram": "it has learnt how frequent tokens are, and no more",
    "bigram": "it predicts about as well as the left neighbour alone",
}
_NEAR = 0.05  # Nats between a loss and a baseline that count as equal.
_PATIENCE = 3  # Evaluations in a row at one baseline before a warning.


class Health:
    """Compares held-out losses with the baselines of the same hidden tokens.

    Args:
        store: `Store` of the training data; its tokens are counted.
        rows: data set of masked rows on which the model is evaluated.

    Attributes:
        baselines: {"uniform", "unigram", "bigram": loss in nats per hidden token}.
    """

    def __init__(self, store, rows):
        pairs = [hidden_pieces(batch) for batch in rows]
        self.baselines = baselines(store, *(np.concatenate(x) for x in zip(*pairs)))
        self._nearest = []  # For each evaluation the baseline it was near, or "".
        _log.info("baselines in nats per hidden token: %s.", self._format())

    def look(self, loss):
        """Logs a held-out loss with the baselines; warns if it stays at one of them."""
        _log.info("masked_lm_loss %.3f (baselines: %s).", loss, self._format())
        near = [n for n, value in self.baselines.items() if abs(loss - value) < _NEAR]
        self._nearest.append(near[-1] if near else "")
        last = self._nearest[-_PATIENCE:]
        if last == near[-1:] * _PATIENCE:
            _log.warning(
                "the loss stays at the %s baseline: %s. If it does not fall, try another "
                "learning_rate, a longer warm-up or a larger model.",
                *(last[0], _MEANING[last[0]]),
            )

    def _format(self):
        return ", ".join(f"{n} {value:.3f}" for n, value in self.baselines.items())
