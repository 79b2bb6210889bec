"""Search by words: BM25 (Robertson and Zaragoza, 2009) by the package bm25s (Lù, 2024)."""

from bert_tf.retrieval.vectors import choose_best

# A Chinese or Japanese character is a word, as are the letters and digits between others.
_CHARACTERS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
WORD = rf"(?u)[{_CHARACTERS}]|[^\W{_CHARACTERS}]+"


class Words:
    """The words of texts, counted for BM25: Lucene's formula, k1 = 1.5, b = 0.75.

    Words are compared in lower case; none are left out or stemmed, so any language works.

    Args:
        texts: list of strings.

    Raises:
        ValueError: bm25s is not installed.
    """

    def __init__(self, texts):
        self._bm25s = import_bm25s()
        tokens = self._split(texts)
        self._bm25 = None  # The package cannot index texts without any word.
        if any(tokens.ids):
            self._bm25 = self._bm25s.BM25(k1=1.5, b=0.75, method="lucene")
            self._bm25.index(tokens, show_progress=False)

    @classmethod
    def load(cls, path):
        """Returns the words that `save` wrote; arrays stay on disk, and are no pickles."""
        words = cls.__new__(cls)
        words._bm25s = import_bm25s()
        words._bm25 = words._bm25s.BM25.load(path, mmap=True, allow_pickle=False)
        return words

    def save(self, path):
        """Writes the counts into a folder; there must be words."""
        self._bm25.save(path, allow_pickle=False, show_progress=False)

    @property
    def is_empty(self):
        """Whether no text has any word."""
        return self._bm25 is None

    @staticmethod
    def version():
        """Returns the version of the package that counts."""
        return import_bm25s().__version__

    def find(self, query, k):
        """Returns the places and the scores of the k best texts, the best first.

        Texts without a word of the query are left out; of equal ones the first comes first.

        Returns:
            two lists, of as many whole numbers and floats.
        """
        if self._bm25 is None:
            return [], []
        words = self._split([query])
        known = [word for word, _ in sorted(words.vocab.items(), key=lambda x: x[1])]
        tokens = [known[number] for number in words.ids[0]]
        scores = self._bm25.get_scores_from_ids(self._bm25.get_tokens_ids(tokens))
        places = [
            place for place in choose_best(scores, k).tolist() if scores[place] > 0
        ]
        return places, scores[places].tolist()

    def _split(self, texts):
        return self._bm25s.tokenize(
            texts, token_pattern=WORD, stopwords=[], show_progress=False
        )


def import_bm25s():
    """Returns the package bm25s; raises a ValueError if it is not installed."""
    try:
        import bm25s
    except ImportError:
        raise ValueError(
            "search by words needs bm25s: run pip install bm25s, or pass --method=dense."
        ) from None
    return bm25s
