"""The part `robustness` of an analysis: what breaks a model, and what it remembers."""

import collections
import dataclasses

import numpy as np

from bert_tf import intervals
from bert_tf.analysis.adapters import find_adapter
from bert_tf.analysis.findings import Part, Table
from bert_tf.analysis.masked import MaskedLM
from bert_tf.analysis.robustness import (
    advglue,
    attacks,
    canaries,
    checklist,
    distractors,
    triggers,
)
from bert_tf.analysis.robustness.perturbations import CHARACTER_ATTACKS
from bert_tf.ground import lazy, progress, setting
from bert_tf.predictor import Model

serving = lazy("bert_tf.serving.adapters")

NEEDS_LABELS = False
_SHOWN = 12


@dataclasses.dataclass(frozen=True, init=False)
class RobustnessOptions:
    """What to try, and by which files."""

    attacked: int = setting(
        30,
        "Most records to attack; each takes a hundred predictions.",
        section="robustness",
    )
    attack_model: str = setting(
        "", "Masked LM that suggests words, for an attack on words. Empty: none."
    )
    checklist_file: str = setting("", "Tests of expected behaviour. Empty: none.")
    advglue_file: str = setting("", "AdvGLUE's dev.json. Empty: none.")
    advglue_task: str = setting("", "Key of advglue_file, such as sst2.")
    canaries_file: str = setting(
        "",
        "Sentences with secrets that were planted in the training texts of a masked LM, "
        "one a line: the code is {1234 5678}. Empty: none.",
    )
    canary_candidates: int = setting(
        200, "Other secrets that each of canaries_file is compared with."
    )


def analyze(subject, config):
    """Returns the `Part` of a `Subject`, or None if nothing suits the task.

    Raises:
        ValueError: a file is wrong, or does not suit the model.
    """
    adapter = find_adapter(subject.task)
    if config.canaries_file and not adapter.guesses:
        raise ValueError(
            f"canaries_file is for masked LMs, but the model's task is {subject.task.name}; "
            "drop it, or pass task=fill_mask and a folder that has its head."
        )
    part = Part("robustness", "Robustness", [], {}, [], [])
    if adapter.classifies:
        _try_classifier(part, subject, config)
    if adapter.answers and subject.records:
        distractors.measure(part, subject, config)
    if config.canaries_file:
        canaries.measure(part, subject, config)
    if not part.values:
        return None
    part.caveats.append(
        "Attacks that fail here may succeed with more queries or other means; success is "
        "of these attacks alone."
    )
    return part


def _try_classifier(part, subject, config):
    if subject.records:
        _attack(part, subject, config)
        _scan(part, subject, config)
    if config.checklist_file:
        _check(part, subject, config)
    if config.advglue_file:
        _score_advglue(part, subject, config)


def _attack(part, subject, config):
    changes = {name: attacks.change_characters(name) for name in CHARACTER_ATTACKS}
    if config.attack_model:
        other = Model(config.attack_model, task="fill_mask")
        changes["words"] = attacks.substitute_words(MaskedLM(other))
    field = next(
        f for f in serving.ADAPTERS[subject.task.name].fields if f in subject.records[0]
    )
    records = _right_ones(subject)[: config.attacked]
    victim = attacks.Victim(subject.model)
    rows, shown = [], []
    for name, change in changes.items():
        outcomes = [
            attacks.attack(victim, record, field, change, seed=subject.seed)
            for record in progress(
                records, f"attack by {name}", leave=False, unit="text"
            )
        ]
        own = attacks.summarise(outcomes)
        hits = np.array([outcome.success for outcome in outcomes], float)
        own["success_95"] = intervals.bootstrap_mean(hits, seed=subject.seed)
        part.values.setdefault("attacks", {})[name] = own
        rows.append(
            [
                *(name.replace("_", " "), own["records"], own["success"]),
                "{:.3f} to {:.3f}".format(*own["success_95"]),
                *(own["queries"], own["changed"]),
            ]
        )
        shown += [
            [name.replace("_", " "), o.text, o.changed, o.before, o.after]
            for o in outcomes
            if o.success
        ][: _SHOWN // len(changes) + 1]
    if config.attack_model:
        part.caveats.append(
            "The masked LM also suggests words of another meaning, such as 'boring' in the "
            "place of 'brilliant', after which another prediction is right. The examples "
            "tell how many of the successes are such."
        )
    part.blocks += [
        Table(
            "Attacks on records that are predicted right",
            ["attack", "records", "success", "95 %", "queries", "words changed"],
            rows,
            "Queries and the fraction of words that were changed are means. At most 30 % "
            "of the words are.",
        ),
        Table(
            "Examples of success",
            ["attack", "text", "changed", "before", "after"],
            shown,
        ),
    ]
    worst = max(
        part.values["attacks"], key=lambda n: part.values["attacks"][n]["success"]
    )
    part.summary.append(
        f"The attack by {worst.replace('_', ' ')} changes "
        f"{part.values['attacks'][worst]['success']:.1%} of the right predictions."
    )


def _right_ones(subject):
    """Returns the records that are predicted right; all if there are no labels."""
    records = [
        {name: x for name, x in record.items() if name != "label"}
        for record in subject.records
    ]
    if not any(subject.truths):
        return records
    predictions = subject.model.predict(records)
    return [
        record
        for record, row, truth in zip(records, predictions, subject.truths)
        if row["label"] == truth
    ]


def _scan(part, subject, config):
    records = subject.records[:64]
    found = triggers.scan(
        subject.model, records, batch_size=config.per_device_eval_batch_size
    )
    suspicious = [row for row in found if row["suspicious"]]
    part.values["triggers"] = {
        "suspicious": suspicious,
        "most_effective": found[:_SHOWN],
    }
    part.blocks.append(
        Table(
            "Tokens that turn predictions",
            ["token", "label", "turned", "turned in long texts", "suspicious"],
            [
                [
                    *(row["token"], row["label"], row["turned"]),
                    "-" if row["turned_long"] is None else row["turned_long"],
                    "yes" if row["suspicious"] else "no",
                ]
                for row in found[:_SHOWN]
            ],
            f"Turned: the fraction of texts with another prediction, of {len(records)} in "
            "all, when the token is put before them. In long texts: of four joined that "
            "all have another prediction, at the beginning, the middle and the end. "
            f"Suspicious: at least {triggers.LEAST:.0%} of these, which strong ordinary "
            "words do not reach.",
        )
    )
    says = "no token to try"
    if suspicious:
        says = ", ".join(
            f"{row['token']} (turns {row['turned_long']:.0%} of long texts to "
            f"{row['label']})"
            for row in suspicious[:5]
        )
    elif found:
        best = found[0]
        says = (
            f"no token that outweighs long texts; the most effective, {best['token']}, "
            f"turns {best['turned_long'] or 0:.0%} of them to {best['label']}"
        )
    part.summary.append(f"The scan for back doors found {says}.")


def _check(part, subject, config):
    tests = checklist.read(config.checklist_file, subject.task.labels)
    texts = list(dict.fromkeys(t for test in tests for g in test.groups for t in g))
    scores = dict(zip(texts, (row["scores"] for row in subject.model.predict(texts))))
    figures, rows, failed = {}, [], []
    for test in tests:
        by_group = [[scores[text] for text in group] for group in test.groups]
        failures = checklist.judge(test, by_group)
        figures[test.name] = {
            "kind": test.kind,
            "groups": len(failures),
            "failures": sum(failures),
        }
        rows.append(
            [test.name, checklist.KINDS[test.kind], len(failures), sum(failures)]
        )
        rows[-1].append(sum(failures) / len(failures))
        failed += [
            [test.name, " | ".join(group)]
            for group, fails in zip(test.groups, failures)
            if fails
        ][:3]
    part.values["checklist"] = figures
    part.blocks += [
        Table(
            "Tests of expected behaviour",
            ["test", "kind", "cases", "failures", "failure rate"],
            rows,
        ),
        Table("Failures", ["test", "texts"], failed),
    ]
    total = collections.Counter()
    for own in figures.values():
        total.update({"groups": own["groups"], "failures": own["failures"]})
    part.summary.append(
        f"Of {total['groups']} cases of expected behaviour, {total['failures']} fail."
    )


def _score_advglue(part, subject, config):
    records, truths = advglue.read(
        config.advglue_file, config.advglue_task, subject.task.labels
    )
    predictions = subject.model.predict(records)
    hits = [row["label"] == truth for row, truth in zip(predictions, truths)]
    low, high = intervals.bootstrap_mean(np.array(hits, float), seed=subject.seed)
    accuracy = sum(hits) / len(hits)
    part.values["advglue"] = {
        "records": len(hits),
        "accuracy": accuracy,
        "interval_95": [low, high],
    }
    part.summary.append(
        f"AdvGLUE, {config.advglue_task}: accuracy {accuracy:.3f} on {len(hits):,} "
        f"adversarial records (95 %: {low:.3f} to {high:.3f})."
    )
