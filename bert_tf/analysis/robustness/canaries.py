"""Does a masked LM remember secrets of its training texts?

Carlini et al., 2019, "The secret sharer". A canary is a sentence with a random secret that
was put into the training texts. Its exposure tells how far the model prefers it to the
same sentence with other secrets: log2(candidates) - log2(rank), in bits. Without memory the
rank is uniform, and the exposure about 1.4 bits in the mean. A masked LM has no
probability of a sentence; the pseudo-log-likelihood takes its place (Salazar et al., 2020).

    the code of anna is {1234 5678}

Braces hold the secret. Its digits vary, and all else stays.
"""

import dataclasses
import math
import pathlib
import random
import re

import numpy as np

from bert_tf import intervals
from bert_tf.analysis.findings import Table
from bert_tf.analysis.masked import MaskedLM
from bert_tf.data.records.files import number_entries, read_text, split_lines
from bert_tf.ground import write_text

_CANARY = re.compile(r"([^{}]*)\{([^{}]*)\}([^{}]*)")
_LEAST_DIGITS = 4  # With fewer there are hardly any other secrets.
# The mean of log2(candidates / rank) over uniform ranks, for many candidates.
BY_CHANCE = math.log2(math.e)


@dataclasses.dataclass(frozen=True)
class Canary:
    """A sentence with a secret.

    Attributes:
        before, after: the sentence around the secret.
        secret: the text that was planted, with at least four digits.
    """

    before: str
    secret: str
    after: str

    @property
    def text(self):
        """The sentence as it stands in the training texts."""
        return f"{self.before}{self.secret}{self.after}"

    def draw(self, count, seed):
        """Returns the sentence with `count` other secrets, which differ.

        Raises:
            ValueError: there are not so many.
        """
        others = 10 ** len(re.findall("[0-9]", self.secret)) - 1
        if count > others:
            raise ValueError(
                f"there are {others:,} secrets other than {self.secret!r}; received "
                f"canary_candidates={count}. Lower it, or plant longer secrets."
            )
        draws, secrets = random.Random(f"{seed} {self.text}"), {}
        while len(secrets) < count:
            secret = re.sub("[0-9]", lambda _: str(draws.randrange(10)), self.secret)
            if secret != self.secret:
                secrets[secret] = None
        return [f"{self.before}{secret}{self.after}" for secret in secrets]


def read(path):
    """Returns the list of `Canary` of a file, one a line; lines from # on are comments.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line does not have the form; names it.
    """
    found = []
    for number, line in number_entries(split_lines(read_text(path))):
        match = _CANARY.fullmatch(line)
        digits = len(re.findall("[0-9]", match[2])) if match else 0
        if digits < _LEAST_DIGITS:
            raise ValueError(
                f"{path}, line {number}: a canary has one secret in braces, with "
                f"{_LEAST_DIGITS} digits or more, such as 'the code is {{1234 5678}}'; "
                f"received {line!r:.80}."
            )
        found.append(Canary(*match.groups()))
    if not found:
        raise ValueError(f"{path} has no canaries; write one a line.")
    return found


def plant(corpus, output, canaries, times, *, seed=0):
    """Writes a corpus with each canary in it, at random places among its lines.

    Args:
        corpus: text file.
        output: file to write.
        canaries: list of `Canary`.
        times: how often each is planted.
        seed: of the places.
    """
    lines = split_lines(read_text(corpus))
    draws = random.Random(seed)
    for canary in canaries:
        for _ in range(times):
            lines.insert(draws.randrange(len(lines) + 1), canary.text)
    write_text(pathlib.Path(output), "\n".join(lines) + "\n")


def pseudo_log_likelihoods(masked_lm, texts, title=""):
    """Returns the pseudo-log-likelihoods of texts, float64 [N], in nats.

    Each token is masked in turn; the logarithms of their probabilities add up.
    """
    variants, owners = [], []
    for number, text in enumerate(texts):
        ids, _ = masked_lm.encode(text)
        for position in range(1, len(ids) - 1):  # Without [CLS] and [SEP].
            shown = ids.copy()
            shown[position] = masked_lm.tokenizer.mask_id
            variants.append((shown, position, ids[position]))
            owners.append(number)
    logs = masked_lm.log_probabilities(variants, title)
    return np.bincount(owners, logs, minlength=len(texts))


def find_rank(masked_lm, canary, candidates, seed, title=""):
    """Returns the rank of a canary among itself and other secrets; 1 is the first.

    Equal candidates count as before it, so that a model that tells nothing apart shows no
    memory.

    Raises:
        ValueError: the model cannot tell the secret from others, because its vocabulary
            has no digits or the sentence is cut.
    """
    texts = [canary.text, *canary.draw(candidates, seed)]
    first, second = (masked_lm.encode(text)[0].tolist() for text in texts[:2])
    if first == second:
        raise ValueError(
            f"the model reads {canary.text!r:.80} and {texts[1]!r:.80} as the same tokens; "
            "its vocabulary has no digits, or the sentence is longer than its examples."
        )
    own, *others = pseudo_log_likelihoods(masked_lm, texts, title)
    return 1 + int(np.sum(np.array(others) >= own))


def measure(part, subject, config):
    """Adds the exposure of the canaries of a file to a `Part`."""
    canaries = read(config.canaries_file)
    masked_lm = MaskedLM(subject.model, config.per_device_eval_batch_size)
    total = config.canary_candidates + 1
    ranks = [
        find_rank(
            *(masked_lm, canary, config.canary_candidates, subject.seed),
            f"canary {number}",
        )
        for number, canary in enumerate(canaries, start=1)
    ]
    exposures = np.array([math.log2(total) - math.log2(rank) for rank in ranks])
    low, high = intervals.bootstrap_mean(exposures, seed=subject.seed)
    part.values["canaries"] = {
        "candidates": total,
        "exposure": float(exposures.mean()),
        "exposure_95": [low, high],
        "ranks": dict(zip([canary.text for canary in canaries], ranks)),
    }
    part.summary.append(
        f"The mean exposure of {len(canaries)} canaries among {total:,} candidates is "
        f"{exposures.mean():.2f} bits (95 %: {low:.2f} to {high:.2f}); without memory "
        f"{BY_CHANCE:.2f} are expected, and {math.log2(total):.2f} are the most."
    )
    part.blocks.append(
        Table(
            "Canaries",
            ["sentence", "rank", "candidates", "exposure in bits"],
            [
                [canary.text, rank, total, float(exposure)]
                for canary, rank, exposure in zip(canaries, ranks, exposures)
            ],
        )
    )
    part.caveats.append(
        "A canary of low exposure may be remembered all the same, and other secrets of "
        "the training texts are not tested."
    )
