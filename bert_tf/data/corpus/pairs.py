"""Examples of pretraining from a store, each a function of (seed, epoch, number).

Nothing but the store lies on disk: what an example is, is drawn when it is read, as
google-research/bert's create_pretraining_data.py draws it (Devlin et al., 2019, 3.1 and
A.2). Each document is cut into windows of a full example's length, at other places each
epoch; the sentences that begin in a window make a pair. So every example is found
without those before it: a run goes on at any step, and one store serves all lengths.
"""

import dataclasses
import functools
import random
import threading

import numpy as np

IS_NEXT, IS_RANDOM = 0, 1  # Labels of the next-sentence task, as published.
SHORT = (
    0.1  # Share of pairs of random length, as published: fine-tuning has such texts.
)
RANDOM_NEXT = 0.5  # Share of pairs whose second text is from another document.
_PAIR_FRAME, _SINGLE_FRAME = 3, 2  # [CLS] and [SEP]s.


@dataclasses.dataclass(frozen=True)
class Example:
    """One or two texts, as ids; and what the masks of this example are drawn from."""

    first: np.ndarray
    second: np.ndarray  # Empty where there is one text.
    label: int  # IS_NEXT or IS_RANDOM.
    mask_seed: int  # Below 2**63.


@dataclasses.dataclass(frozen=True)
class _Epoch:
    """How the documents are cut in an epoch, and the order of the windows."""

    first_cuts: np.ndarray  # [D], pieces of each document's first window.
    ends: np.ndarray  # [D], windows of the documents up to each.


class Examples:
    """The examples of a store, epoch after epoch without end.

    Args:
        store: `Store`.
        max_seq_length: pieces of an example, with [CLS] and [SEP].
        seed: of cuts, order, pairs and masks.
        next_sentence: pairs of texts; False gives single texts that fill the length, as
            RoBERTa has them (Liu et al., 2019, 4.2).

    Raises:
        ValueError: pairs are wanted of a store of one document: nothing could come from
            another; or max_seq_length has no room for a piece of each text.
    """

    def __init__(self, store, *, max_seq_length, seed, next_sentence=True):
        if next_sentence and store.manifest["documents"] < 2:
            raise ValueError(
                f"{store.path} holds one document, so no second text can come from "
                "another. Pass --nonsp, or give create_pretraining_data.py more text "
                "(a blank line ends a document)."
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
        # Of each document: its shard, its pieces and its sentences there.
        shards, pieces, sentences = [], [], []
        for number, shard in enumerate(self._shards):
            ends = np.asarray(shard.documents, np.int64)
            shards.append(np.full(len(ends), number))
            sentences.append(_ranges(ends))
            pieces.append(_ranges(np.asarray(shard.sentences[ends - 1], np.int64)))
        self._shard = np.concatenate(shards)
        self._pieces = np.concatenate(pieces)  # [D, 2]
        self._sentences = np.concatenate(sentences)  # [D, 2]
        self._epoch_ends = []  # Examples of all epochs up to each.
        self._lock = threading.Lock()  # tf.data may draw in several threads.
        self._epoch = functools.lru_cache(maxsize=2)(self._plan_epoch)
        self._order = functools.lru_cache(maxsize=2)(self._draw_order)

    def epoch_size(self, epoch=0):
        """Examples of an epoch; it differs a little, as the cuts do."""
        return int(self._epoch(epoch).ends[-1])

    def locate(self, place):
        """Returns (epoch, place in it) of the example that comes `place`-th of all."""
        with self._lock:
            while not self._epoch_ends or self._epoch_ends[-1] <= place:
                before = self._epoch_ends[-1] if self._epoch_ends else 0
                size = self.epoch_size(len(self._epoch_ends))
                self._epoch_ends.append(before + size)
        epoch = int(np.searchsorted(self._epoch_ends, place, side="right"))
        return epoch, place - (self._epoch_ends[epoch - 1] if epoch else 0)

    def __getitem__(self, place):
        """Returns the `Example` that comes `place`-th of all epochs, from 0."""
        epoch, place = self.locate(int(place))
        number = int(self._order(epoch)[place])
        plan = self._epoch(epoch)
        document = int(np.searchsorted(plan.ends, number, side="right"))
        window = number - (int(plan.ends[document - 1]) if document else 0)
        begin, end = (int(piece) for piece in self._pieces[document])
        first_cut = int(plan.first_cuts[document])
        if window:
            begin += first_cut + (window - 1) * self.length
            end = min(end, begin + self.length)
        else:
            end = begin + first_cut
        # A text as the seed: hashed by SHA-512, so that near numbers share nothing.
        draw = random.Random(f"{self.seed} {epoch} {number}")
        mask_seed = draw.getrandbits(63)
        if self.next_sentence:
            first, second, label = self._pair(document, begin, end, draw)
        else:
            pieces = self._shards[self._shard[document]].pieces
            first, second, label = pieces[begin:end], pieces[:0], IS_NEXT
        return Example(first, second, label, mask_seed)

    def _plan_epoch(self, epoch):
        sizes = self._pieces[:, 1] - self._pieces[:, 0]
        phases = np.random.default_rng([self.seed, epoch, 0]).random(len(sizes))
        # What fits into one example is not cut.
        first_cuts = np.where(
            sizes > self.length, 1 + (phases * self.length).astype(np.int64), sizes
        )
        counts = 1 + -(-(sizes - first_cuts) // self.length)
        return _Epoch(first_cuts, np.cumsum(counts))

    def _draw_order(self, epoch):
        order = np.random.default_rng([self.seed, epoch, 1])
        return order.permutation(self.epoch_size(epoch))

    def _pair(self, document, begin, end, draw):
        """Draws a pair of texts from the sentences that begin in [begin, end)."""
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
        else:  # In the midst of a sentence: all of it, or what of it may be seen.
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
        kept_first, kept_second = _share(len(first), len(second), self.length)
        return _cut(first, kept_first, draw), _cut(second, kept_second, draw), label

    def _elsewhere(self, document, wanted, draw):
        """Returns sentences of another document, `wanted` pieces or a few more."""
        other = int(draw.random() * (len(self._shard) - 1))
        other += other >= document
        shard = self._shards[self._shard[other]]
        first, end = (int(sentence) for sentence in self._sentences[other])
        sentence = first + int(draw.random() * (end - first))
        begin = _start(shard, sentence)
        last = min(_ending_at(shard, begin + wanted), end - 1)
        return shard.pieces[begin : int(shard.sentences[last])]


def _ranges(ends):
    """Turns ends, int64 [N], into begins and ends, [N, 2]."""
    return np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1)


def _start(shard, sentence):
    return int(shard.sentences[sentence - 1]) if sentence else 0


def _ending_at(shard, piece):
    """Returns the first sentence that ends at `piece` or behind it."""
    # In the array's own type: NumPy would otherwise copy all of it.
    return int(np.searchsorted(shard.sentences, shard.sentences.dtype.type(piece)))


def _sentence_from(shard, piece):
    """Returns the first sentence that begins at `piece` or behind it."""
    return _ending_at(shard, piece) + 1 if piece else 0


def _share(first, second, budget):
    """Returns what two lengths keep: the longer is cut, the second of two equals."""
    if first + second <= budget:
        return first, second
    kept = min(first, max(budget - second, -(-budget // 2)))
    return kept, budget - kept


def _cut(pieces, kept, draw):
    """Drops pieces from both ends, by chance, as published: no side is favoured."""
    surplus = len(pieces) - kept
    front = draw.getrandbits(surplus).bit_count() if surplus else 0
    return pieces[front : front + kept]
