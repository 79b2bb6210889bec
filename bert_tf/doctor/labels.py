"""Checks of labels, repeated texts, and evaluation texts that are in the training file.

Two examples are equal if their texts are, apart from spaces at the ends.
"""

import collections

from bert_tf.data.records.labels import find_twins
from bert_tf.doctor.findings import note, ok, problem
from bert_tf.ground import count, did_you_mean

FEW = 10  # A label with fewer examples can hardly be learned.
UNEQUAL = 10  # Ratio of the most to the least frequent label.
CONFLICTING = 0.05  # Fraction of rows with two labels: more than a few mistakes.
LEAKING = 0.01  # Fraction of evaluation texts seen in training: scores shift as much.
MANY = 20  # With more labels, the column may hold numbers or texts.
SHOWN = 8  # Words in a list of a message.


def check(train, evaluation=None, known=None, *, classes=True):
    """Returns the findings on the labels of tables, and on texts that occur twice.

    Args:
        train: training `Table`, or None.
        evaluation: evaluation `Table`, or None.
        known: labels of a fine-tuned model, to compare the evaluation with; the labels
            of `train` replace them.
        classes: False if a label is a number or a set; the labels are not checked then.
    """
    findings = []
    if train and classes:
        known = {record["label"] for record in train.records}
        findings += check_counts(train)
        findings += check_repeats(train)
    if evaluation and known and classes:
        findings += check_evaluation_labels(evaluation, known, bool(train))
    if train and evaluation:
        findings += check_leakage(train, evaluation)
    return findings


def check_counts(table):
    """Checks that there are several labels, with enough and balanced examples."""
    counts = collections.Counter(sorted(record["label"] for record in table.records))
    ranked = counts.most_common()
    (most, largest), (least, smallest) = ranked[0], ranked[-1]
    column = repr(table.columns["label"])
    if len(counts) == 1:
        says = f"every row of {table.path} has the label {most!r}, so there is nothing "
        says += "to learn."
        fix = f"If {column} is not the column of the label, set --label_column=."
        return [problem("texts/labels", says, fix)]
    if len(counts) > max(MANY, len(table.records) / 2):
        says = f"{len(counts)} different labels in {len(table.records)} rows; a label "
        says += "must occur many times."
        fix = f"If {column} is not the column of the label, set --label_column=."
        return [problem("texts/labels", says, fix)]
    findings = check_spelling(table, counts)
    rare = [name for name, number in ranked if number < FEW]
    if rare:
        says = f"{len(rare)} of {len(counts)} labels have fewer than {FEW} examples: "
        says += join([f"{name} ({counts[name]})" for name in rare])
        fix = f"Add examples until each label has {FEW}, or merge labels."
        findings.append(note("texts/labels", f"{says}.", fix))
    if largest >= UNEQUAL * smallest:
        fraction = largest / len(table.records)
        says = f"{most} is {largest / smallest:.0f} times as frequent as {least}; a "
        says += f"model that always predicts {most} has an accuracy of {fraction:.0%}."
        fix = "Add examples of rare labels. Judge the model by eval_macro_f1 and "
        fix += "per_class, not by eval_accuracy."
        findings.append(note("texts/balance", says, fix))
    if largest == smallest:
        says = f"{join(list(counts))}; {smallest} examples each"
    else:
        says = join([f"{name} ({number})" for name, number in ranked])
    return findings or [ok("texts/labels", f"{len(counts)} labels: {says}")]


def check_spelling(table, labels):
    """Finds labels that differ only by case, blanks or Unicode form."""
    return [
        note(
            "texts/spelling",
            f"{' and '.join(map(repr, twins))} are different labels.",
            f"If they mean the same, use one spelling in {table.path}.",
        )
        for twins in find_twins(labels)
    ]


def check_evaluation_labels(table, known, in_training):
    """Compares the labels of an evaluation table with the labels that can be predicted."""
    counts = collections.Counter(record["label"] for record in table.records)
    source = "the training file" if in_training else "the model"
    findings = []
    if unknown := [name for name in counts if name not in known]:
        first = unknown[0]
        lines = find_lines(table, lambda record: record["label"] == first)
        says = f"{table.path} has labels that {source} does not have: "
        says += join([f"{name!r} ({counts[name]})" for name in unknown])
        says += f"; {first!r} is on {lines}."
        advice = "Delete these rows, or add such examples to the training file."
        fix = did_you_mean(first, sorted(known), advice)
        findings.append(problem("texts/eval_labels", says, fix))
    if unseen := sorted(known - counts.keys()):
        says = f"{table.path} has no example of {join(unseen)}, so the scores do not "
        says += "cover these labels."
        fix = f"Move some of their examples from the training data to {table.path}."
        findings.append(note("texts/unseen_labels", says, fix))
    passed = f"{count(len(counts), 'label')}; {source} has all of them"
    return findings or [ok("texts/eval_labels", passed)]


def check_repeats(table):
    """Finds texts that occur more than once in a table, with equal or other labels."""
    by_text = collections.defaultdict(list)
    for record, line in zip(table.records, table.lines):
        by_text[key(record)].append((record["label"], line))
    repeats = sum(len(rows) - 1 for rows in by_text.values())
    if not repeats:
        return [ok("texts/repeats", "no text occurs twice")]
    findings = []
    conflicts = [rows for rows in by_text.values() if len(dict(rows)) > 1]
    if conflicts:
        rows = sum(map(len, conflicts))
        first = " and ".join(
            f"{name!r} (line {line})" for name, line in conflicts[0][:3]
        )
        says = f"{rows} rows of {table.path} have a text that also occurs with another "
        says += f"label, such as {first}."
        level = problem if rows >= CONFLICTING * len(table.records) else note
        fix = "Choose one label for each text, and delete the other rows."
        findings.append(level("texts/conflicts", says, fix))
    lines = [line for rows in by_text.values() for _, line in rows[1:]]
    says = f"{count(repeats, 'row')} of {table.path} with the text of an earlier row: "
    says += f"{join_lines(sorted(lines))}."
    fix = "Delete such rows, unless their texts are as frequent in real use."
    return [*findings, note("texts/repeats", says, fix)]


def check_leakage(train, evaluation):
    """Finds evaluation texts that are in the training table too."""
    seen = {key(record) for record in train.records}
    known = sum(key(record) in seen for record in evaluation.records)
    if not known:
        return [ok("texts/leakage", "no evaluation text is in the training file")]
    fraction = known / len(evaluation.records)
    lines = find_lines(evaluation, lambda record: key(record) in seen)
    says = f"{known} of {len(evaluation.records)} texts ({fraction:.1%}) in "
    says += f"{evaluation.path} are in the training file too: scores will be too high."
    level = problem if fraction >= LEAKING else note
    return [level("texts/leakage", says, f"Delete {lines} from {evaluation.path}.")]


def key(record):
    """Returns what two examples must share to be equal."""
    return record["text"].strip(), record.get("text_pair", "").strip()


def find_lines(table, matches):
    """Returns the lines of the records that match, such as "lines 3, 4"."""
    return join_lines(
        [line for record, line in zip(table.records, table.lines) if matches(record)]
    )


def join_lines(numbers):
    """Returns "line 3" or "lines 3, 4 and 2 more"."""
    return f"line{'' if len(numbers) == 1 else 's'} {join(list(map(str, numbers)))}"


def join(words):
    """Returns the first words, and how many more there are."""
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
