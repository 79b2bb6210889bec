"""Joins rankings: reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009)."""

import collections

CONSTANT = 60  # Of the paper.


def fuse(rankings, k, constant=CONSTANT):
    """Returns the places and the scores of the k best of several rankings.

    The score of a place is the sum of 1 / (constant + its rank from 1) over the rankings
    that have it. Of equal scores the lower place comes first.

    Args:
        rankings: lists of places, the best first.
        k: number of places to return.
        constant: number, 0 or more; the smaller it is, the more the first ranks stand out.

    Example:
        >>> places, scores = fuse([[7, 3], [3]], 2)
        >>> places
        [3, 7]
    """
    scores = collections.defaultdict(float)
    for places in rankings:
        for rank, place in enumerate(places, 1):
            scores[place] += 1 / (constant + rank)
    best = sorted(scores, key=lambda place: (-scores[place], place))[:k]
    return best, [scores[place] for place in best]
