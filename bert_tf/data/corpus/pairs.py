"""Draws pretraining examples from a store, each a function of (seed, epoch, number).

Only the store lies on disk. Examples are drawn when they are read, by the rules of
google-research/bert's create_pretraining_data.py (Devlin et al., 2019, 3.1 and A.2). Each
document is cut into windows as long as a full example, at other places in each epoch; the
sentences that begin in a window become a pair. No example depends on the ones before it,
so that a run can resume at any step, and one store suits every `max_seq_length`.

Shapes: D documents of the store.
"""

import dataclasses
import functools
import random
import threading

import numpy as np

IS_NEXT, IS_RANDOM = 0, 1  # Labels of next-sentence prediction, as published.
# Fraction of pairs of random length, as published: fine-tuning has short texts, too.
SHORT = 0.1
RANDOM_NEXT = 0.5  # Fraction of pairs whose second text is from another document.
_PAIR_FRAME, _SINGLE_FRAME = 3, 2  # Number of [CLS] and [SEP] tokens.


@dataclasses.dataclass(frozen=True)
class Example:
    """One or two texts as token ids, their label, and the seed of their masks."""

    first: np.ndarray
    second: np.ndarray  # Empty for a single text.
    label: int  # IS_NEXT or IS_RANDOM.
    mask_seed: int  # Below 2**63.


@dataclasses.dataclass(frozen=True)
class _Epoch:
    """The places at which an epoch cuts the documents into windows."""

    first_cuts: np.ndarray  # [D], number of tokens in each document's first window.
    ends: np.ndarray  # [D], number of windows up to and with each document.


class Examples:
    """The examples of a store, an endless sequence of epochs.

    Args:
        store: `Store`.
        max_seq_length: most tokens of an example, with [CLS] and [SEP].
        seed: of cuts, order, pairs and masks.
        next_sentence: True gives pairs of texts; False gives single texts that fill the
            length, as in RoBERTa (Liu et al., 2019, 4.2).

    Raises:
        ValueError: `next_sentence` with a store of one document, because a random second
            text must come from another; or `max_seq_length` has no room for a token of
            each text.
    """

    def __init__(self, store, *, max_seq_length, seed, next_sentence=True):
        if next_sentence and store.manifest["documents"] < 2:
            raise ValueError(
                f"{store.path} holds one document, so no second text can come from "
                "another. Pass --nonsp, or give create-pretraining-data more "
                "documents (a blank line ends a document)."
            )
        self.length = max_seq_length - (_PAIR_FRAME if next_sentence else _SINGLE_FRAME)
        if self.length < 2:
            raise ValueError(
                f"max_seq_length must be at least {max_seq_length - self.length + 2}; "
                f"received {max_seq_length}."
            )
        self.store = store
        self.next_sentence = next_sentence
        self.seed = seed
        self._shards = [store.shard(number) for number in range(len(store))]
        # For each document: its shard, and its range of tokens and of sentences there.
        shards, tokens, sentences = [], [], []
        for number, shard in enumerate(self._shards):
            ends = np.asarray(shard.documents, np.int64)
            shards.append(np.full(len(ends), number))
            sentences.append(_ranges(ends))
            tokens.append(_ranges(np.asarray(shard.sentences[ends - 1], np.int64)))
        self._shard = np.concatenate(shards)
        self._tokens = np.concatenate(tokens)  # [D, 2]
        self._sentences = np.concatenate(sentences)  # [D, 2]
        self._epoch_ends = []  # Number of examples up to the end of each epoch.
        self._lock = threading.Lock()  # tf.data may call from several threads.
        self._epoch = functools.lru_cache(maxsize=2)(self._plan_epoch)
        self._order = functools.lru_cache(maxsize=2)(self._draw_order)

    def epoch_size(self, epoch=0):
        """Returns the number of examples of an epoch, which varies a little."""
        return int(self._epoch(epoch).ends[-1])

    def locate(self, place):
        """Returns (epoch, place in the epoch) of the example at `place` of all epochs."""
        with self._lock:
            while not self._epoch_ends or self._epoch_ends[-1] <= place:
                before = self._epoch_ends[-1] if self._epoch_ends else 0
                size = self.epoch_size(len(self._epoch_ends))
                self._epoch_ends.append(before + size)
        epoch = int(np.searchsorted(self._epoch_ends, place, side="right"))
        return epoch, place - (self._epoch_ends[epoch - 1] if epoch else 0)

    def __getitem__(self, place):
        """Returns the `Example` at `place` of all epochs, counted from 0."""
        epoch, place = self.locate(int(place))
        number = int(self._order(epoch)[place])
        plan = self._epoch(epoch)
        document = int(np.searchsorted(plan.ends, number, side="right"))
        window = number - (int(plan.ends[document - 1]) if document else 0)
        begin, end = (int(bound) for bound in self._tokens[document])
        first_cut = int(plan.first_cuts[document])
        if window:
            begin += first_cut + (window - 1) * self.length
            end = min(end, begin + self.length)
        else:
            end = begin + first_cut
        # SHA-512 hashes a string seed, so that neighboring numbers are independent.
        draw = random.Random(f"{self.seed} {epoch} {number}")
        mask_seed = draw.getrandbits(63)
        if self.next_sentence:
            first, second, label = self._pair(document, begin, end, draw)
        else:
            tokens = self._shards[self._shard[document]].pieces
            first, second, label = tokens[begin:end], tokens[:0], IS_NEXT
        return Example(first, second, label, mask_seed)

    def _plan_epoch(self, epoch):
        """Draws where each document is cut."""
        sizes = self._tokens[:, 1] - self._tokens[:, 0]
        phases = np.random.default_rng([self.seed, epoch, 0]).random(len(sizes))
        # A document that fits into one example is not cut.
        first_cuts = np.where(
            sizes > self.length, 1 + (phases * self.length).astype(np.int64), sizes
        )
        counts = 1 + -(-(sizes - first_cuts) // self.length)
        return _Epoch(first_cuts, np.cumsum(counts))

    def _draw_order(self, epoch):
        """Draws the order of an epoch's windows."""
        random = np.random.default_rng([self.seed, epoch, 1])
        return random.permutation(self.epoch_size(epoch))

    def _pair(self, document, begin, end, draw):
        """Draws (first, second, label) from the sentences that begin in [begin, end)."""
        shard = self._shards[self._shard[document]]
        target = self.length
        if draw.random() < SHORT:
            target = 2 + int(draw.random() * (self.length - 1))
        sentences = _sentence_from(shard, begin), _sentence_from(shard, end)
        last = min(sentences[1], int(self._sentences[document, 1]))
        ends = np.asarray(shard.sentences[sentences[0] : last], np.int64)
        if len(ends):
            bounds = np.concatenate([[_start(shard, sentences[0])], ends])
            enough = int(np.searchsorted(bounds, bounds[0] + target))
            bounds = bounds[: enough + 1]
        else:  # No sentence begins here: take all of the current one, or the window.
            inside = sentences[0] - 1
            bounds = np.array([_start(shard, inside), int(shard.sentences[inside])])
            if bounds[1] - bounds[0] > self.length:
                bounds = np.array([begin, end])
        count = len(bounds) - 1
        cut = 1 if count == 1 else 1 + int(draw.random() * (count - 1))
        first = shard.pieces[bounds[0] : bounds[cut]]
        if count == 1 or draw.random() < RANDOM_NEXT:
            second = self._elsewhere(document, max(1, target - len(first)), draw)
            label = IS_RANDOM
        else:
            second, label = shard.pieces[bounds[cut] : bounds[-1]], IS_NEXT
        kept_first, kept_second = _pair_lengths(len(first), len(second), self.length)
        return _cut(first, kept_first, draw), _cut(second, kept_second, draw), label

    def _elsewhere(self, document, wanted, draw):
        """Draws sentences of another document, of at least `wanted` tokens if it has them."""
        other = int(draw.random() * (len(self._shard) - 1))
        other += other >= document
        shard = self._shards[self._shard[other]]
        first, end = (int(sentence) for sentence in self._sentences[other])
        sentence = first + int(draw.random() * (end - first))
        begin = _start(shard, sentence)
        last = min(_ending_at(shard, begin + wanted), end - 1)
        return shard.pieces[begin : int(shard.sentences[last])]


def _ranges(ends):
    """Returns the begins and ends, [N, 2], of ranges that follow each other."""
    return np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1)


def _start(shard, sentence):
    """Returns the place of a sentence's first token in the shard."""
    return int(shard.sentences[sentence - 1]) if sentence else 0


def _ending_at(shard, place):
    """Returns the first sentence that ends at token `place` or later."""
    # With a place of another dtype, NumPy would convert and copy the whole array.
    return int(np.searchsorted(shard.sentences, shard.sentences.dtype.type(place)))


def _sentence_from(shard, place):
    """Returns the first sentence that begins at token `place` or later."""
    return _ending_at(shard, place) + 1 if place else 0


def _pair_lengths(first, second, budget):
    """Returns the lengths that two texts keep; the longer one is cut first."""
    if first + second <= budget:
        return first, second
    kept = min(first, max(budget - second, -(-budget // 2)))
    return kept, budget - kept


def _cut(tokens, kept, draw):
    """Drops tokens from both ends at random, as published, to favor no side."""
    surplus = len(tokens) - kept
    front = draw.getrandbits(surplus).bit_count() if surplus else 0
    return tokens[front : front + kept]
