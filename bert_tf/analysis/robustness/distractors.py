"""Irrelevant sentences beside a context: do they change the answers to questions?

After Jia and Liang, 2017, "Adversarial examples for evaluating reading comprehension
systems", whose AddSent adds a sentence that shares words with the question but is about
something else. They let people write it; here it is a sentence of another context.
"""

import dataclasses
import re

import numpy as np

from bert_tf import intervals
from bert_tf.analysis.findings import Table
from bert_tf.ground import progress
from bert_tf.tasks.metrics.squad import normalize, token_f1

SENTENCES = 3  # To try for each question, before and after the context.
_SHOWN = 6
_END = re.compile(r"(?<=[.!?])\s+")
# Words of questions that say nothing of what is asked.
_COMMON = """
what which who whom whose when where why how is are was were did does do in of to for on at
by with from and or as it that this many much
"""


@dataclasses.dataclass
class Outcome:
    """What irrelevant sentences did to one answer.

    Attributes:
        question: the question.
        sentence: the sentence that did most harm; "" if there was none to add.
        place: "before" or "after" the context.
        before, after: the answers.
        f1_before, f1_after: F1 of the answers against the true ones.
        queries: predictions that it took.
    """

    question: str
    sentence: str
    place: str
    before: str
    after: str
    f1_before: float
    f1_after: float
    queries: int

    @property
    def success(self):
        """Whether the F1 fell."""
        return self.f1_after < self.f1_before


def choose_sentences(record, truths, contexts, most=SENTENCES):
    """Returns sentences of other contexts that share most words with a question.

    A sentence must share a word with the question, lack another, so that it is not about
    the same, and not hold a true answer.

    Args:
        record: dict with `question` and `context`.
        truths: texts of the true answers.
        contexts: {context: its sentences}.
        most: number of sentences.
    """
    wanted = set(normalize(record["question"]).split()) - set(_COMMON.split())
    answers = [answer for answer in map(normalize, truths) if answer]
    found = []
    for context, sentences in contexts.items():
        if context == record["context"]:
            continue
        for sentence in sentences:
            plain = normalize(sentence)
            shared = len(wanted.intersection(plain.split()))
            if 0 < shared < len(wanted) and not any(
                f" {answer} " in f" {plain} " for answer in answers
            ):
                found.append((-shared, len(plain), sentence))
    # Of equals the shortest, which changes the context least.
    return [sentence for *_, sentence in sorted(set(found))[:most]]


def attack(predict, record, truths, sentences):
    """Adds each sentence to the context of a record; returns the worst `Outcome`.

    Args:
        predict: function(records) → list of dicts with `answer`.
        record: dict with `question` and `context`.
        truths: texts of the true answers; none: the prediction without a sentence.
        sentences: as of `choose_sentences`.
    """
    context = record["context"]
    (first,) = predict([record])
    truths = truths or [first["answer"]]
    places = [(s, place) for s in sentences for place in ("after", "before")]
    changed = [
        record | {"context": f"{context} {s}" if place == "after" else f"{s} {context}"}
        for s, place in places
    ]
    rows = predict(changed) if changed else []
    f1, *others = [
        max(token_f1(truth, row["answer"]) for truth in truths)
        for row in [first, *rows]
    ]
    worst = min(range(len(others)), key=others.__getitem__, default=None)
    facts = {"question": record["question"], "before": first["answer"], "f1_before": f1}
    if worst is None or others[worst] >= f1:
        same = {"sentence": "", "place": "", "after": first["answer"], "f1_after": f1}
        return Outcome(**facts, **same, queries=1 + len(rows))
    return Outcome(
        **facts,
        sentence=places[worst][0],
        place=places[worst][1],
        after=rows[worst]["answer"],
        f1_after=others[worst],
        queries=1 + len(rows),
    )


def measure(part, subject, config):
    """Attacks the answers that are right, and adds what was found to a `Part`."""
    records = [
        {name: record[name] for name in ("question", "context")}
        for record in subject.records
    ]
    truths = [
        [answer["text"] for answer in record.get("answers") or ()]
        for record in subject.records
    ]
    contexts = {r["context"]: _END.split(r["context"]) for r in records}
    predict, outcomes, without = subject.model.predict, [], 0
    for record, own in progress(
        list(zip(records, truths)), "irrelevant sentences", leave=False, unit="question"
    ):
        if len(outcomes) == config.attacked:
            break
        sentences = choose_sentences(record, own, contexts)
        without += not sentences
        outcome = attack(predict, record, own, sentences) if sentences else None
        if outcome and outcome.f1_before > 0:
            outcomes.append(outcome)
    if not outcomes:
        part.caveats.append(
            "No irrelevant sentence was tried: no other context shares a word with a "
            "question that is answered rightly."
        )
        return
    _report(part, outcomes, without, subject.seed)


def _report(part, outcomes, without, seed):
    hits = np.array([outcome.success for outcome in outcomes], float)
    before, after = (
        np.array([getattr(outcome, f"f1_{side}") for outcome in outcomes])
        for side in ("before", "after")
    )
    low, high = intervals.bootstrap_mean(hits, seed=seed)
    part.values["irrelevant_sentences"] = {
        "records": len(outcomes),
        "without_a_sentence": without,
        "success": float(hits.mean()),
        "success_95": [low, high],
        "f1_before": float(before.mean()),
        "f1_after": float(after.mean()),
        "f1_fall": float((before - after).mean()),
        "f1_fall_95": intervals.bootstrap_mean(before - after, seed=seed),
        "queries": float(np.mean([outcome.queries for outcome in outcomes])),
    }
    part.summary.append(
        f"An irrelevant sentence beside the context makes {hits.mean():.1%} of "
        f"{len(outcomes)} answers worse (95 %: {low:.3f} to {high:.3f}); their F1 falls "
        f"from {before.mean():.3f} to {after.mean():.3f}."
    )
    part.blocks.append(
        Table(
            "Answers that an irrelevant sentence changes",
            ["question", "sentence", "place", "before", "after", "F1 after"],
            [
                [o.question, o.sentence, o.place, o.before, o.after, o.f1_after]
                for o in outcomes
                if o.success
            ][:_SHOWN],
            f"The worst of up to {SENTENCES} sentences of other contexts, before or after.",
        )
    )
    part.caveats.append(
        "Irrelevant sentences are found by the words they share with a question, and no "
        "one has read them; one may hold another right answer."
    )
