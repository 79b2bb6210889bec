"""Search: an index of texts on disk, nearest vectors, words, and scores of both."""
