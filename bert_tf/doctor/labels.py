"""Are the labels fit to learn from, and is the evaluation honest?

Examples are equal where their texts are, spaces around them aside.
"""

import collections

from bert_tf.doctor.findings import note, ok, problem
from bert_tf.ground import count, did_you_mean

FEW = 10  # Examples of a label; fewer teach next to nothing.
UNEQUAL = 10  # Times as many of one label as of another.
CONFLICTING = 0.05  # Share of rows with two labels: more than a slip of the hand.
LEAKING = 0.01  # Share of the evaluation that is known: scores differ by as much.
MANY = 20  # Labels; from here on they may be numbers, or texts.
SHOWN = 8


def check(train, evaluation=None, known=None, *, classes=True):
    """Returns the findings on the labels of tables, and on texts that come twice.

    Args:
        train: `Table` to learn from, or None.
        evaluation: `Table` to score on, or None.
        known: labels of the model, where it is to answer and not to learn.
        classes: whether a label is one of a few names; numbers, and several labels
            for a text, are not looked at.
    """
    found = []
    if train and classes:
        known = {record["label"] for record in train.records}
        found += check_counts(train)
        found += check_repeats(train)
    if evaluation and known and classes:
        found += check_evaluation_labels(evaluation, known, bool(train))
    if train and evaluation:
        found += check_leakage(train, evaluation)
    return found


def check_counts(table):
    """One label only, few of a label, many more of one than of another."""
    counts = collections.Counter(sorted(record["label"] for record in table.records))
    ranked = counts.most_common()
    (most, largest), (least, smallest) = ranked[0], ranked[-1]
    column = repr(table.columns["label"])
    if len(counts) == 1:
        says = f"every row of {table.path} has the label {most!r}: nothing to learn."
        fix = f"Is column {column} the label? --label_column= chooses another."
        return [problem("texts/labels", says, fix)]
    if len(counts) > max(MANY, len(table.records) / 2):
        says = f"{len(counts)} labels in {len(table.records)} rows: are those labels?"
        fix = f"Column {column} was taken; --label_column= chooses another."
        return [problem("texts/labels", says, fix)]
    found = check_spelling(table, counts)
    rare = [name for name, number in ranked if number < FEW]
    if rare:
        says = f"fewer than {FEW} examples of {len(rare)} of {len(counts)} labels: "
        says += join([f"{name} ({counts[name]})" for name in rare])
        fix = f"Add examples, up to {FEW} of each at least, or give them another label."
        found.append(note("texts/labels", f"{says}.", fix))
    if largest >= UNEQUAL * smallest:
        share = largest / len(table.records)
        says = f"{most} comes {largest / smallest:.0f} times as often as {least}; "
        says += f"{most} for every text would be right {share:.0%} of the time."
        fix = "Add examples of the rare ones; judge by eval_macro_f1 and per_class, "
        fix += "not by eval_accuracy."
        found.append(note("texts/balance", says, fix))
    if found:
        return found
    if largest == smallest:
        says = f"{join(list(counts))}; {smallest} examples each"
    else:
        says = join([f"{name} {number}" for name, number in ranked])
    return [ok("texts/labels", f"{len(counts)}: {says}")]


def check_spelling(table, labels):
    """Labels that differ in capitals or spaces alone."""
    spelt = collections.defaultdict(list)
    for label in labels:
        spelt[label.strip().casefold()].append(label)
    return [
        note(
            "texts/spelling",
            f"{' and '.join(map(repr, same))} count as different labels.",
            f"Write them alike in {table.path}.",
        )
        for same in spelt.values()
        if len(same) > 1
    ]


def check_evaluation_labels(table, known, in_training):
    """Labels that could never be answered."""
    counts = collections.Counter(record["label"] for record in table.records)
    where = "the training file" if in_training else "the model"
    found = []
    if strange := [name for name in counts if name not in known]:
        first = strange[0]
        lines = lines_of(table, lambda record: record["label"] == first)
        says = f"{table.path} has labels that {where} lacks: "
        says += join([f"{name!r} ({counts[name]})" for name in strange])
        says += f"; {first!r} in {lines}."
        fix = did_you_mean(first, sorted(known), "Delete these rows, or train on some.")
        found.append(problem("texts/eval_labels", says, fix))
    if unseen := sorted(known - counts.keys()):
        says = f"{table.path} has no example of {join(unseen)}: how well those are "
        says += "told will not be known."
        fix = f"Move some from training into {table.path}."
        found.append(note("texts/unseen_labels", says, fix))
    if found:
        return found
    return [ok("texts/eval_labels", f"{len(counts)}, all of them known to {where}")]


def check_repeats(table):
    """Texts that come twice in a table, with one label or with several."""
    by_text = collections.defaultdict(list)
    for record, line in zip(table.records, table.lines):
        by_text[key(record)].append((record["label"], line))
    again = sum(len(rows) - 1 for rows in by_text.values())
    if not again:
        return [ok("texts/repeats", "no text comes twice")]
    found = []
    conflicts = [rows for rows in by_text.values() if len(dict(rows)) > 1]
    if conflicts:
        rows = sum(map(len, conflicts))
        first = " and ".join(
            f"{name!r} (line {line})" for name, line in conflicts[0][:3]
        )
        says = f"{rows} rows of {table.path} have a text that has other labels "
        says += f"elsewhere: {first}."
        level = problem if rows >= CONFLICTING * len(table.records) else note
        fix = "Decide on one label a text, and delete the other rows."
        found.append(level("texts/conflicts", says, fix))
    lines = [line for rows in by_text.values() for _, line in rows[1:]]
    says = f"{count(again, 'row')} of {table.path} with a text that stands above "
    says += f"already: {join_lines(sorted(lines))}."
    fix = "Delete them, unless the text is as frequent in life: it counts that often."
    return [*found, note("texts/repeats", says, fix)]


def check_leakage(train, evaluation):
    """Texts to score on that training has seen."""
    seen = {key(record) for record in train.records}
    known = sum(key(record) in seen for record in evaluation.records)
    if not known:
        return [ok("texts/leakage", "no text of the evaluation is in training")]
    share = known / len(evaluation.records)
    lines = lines_of(evaluation, lambda record: key(record) in seen)
    says = f"{known} of {len(evaluation.records)} texts ({share:.1%}) in "
    says += f"{evaluation.path} are in training, too: scores will be too good."
    level = problem if share >= LEAKING else note
    return [level("texts/leakage", says, f"Delete from {evaluation.path}: {lines}.")]


def key(record):
    return record["text"].strip(), record.get("text_pair", "").strip()


def lines_of(table, matches):
    """The lines of a table's records that match, in words."""
    return join_lines(
        [n for record, n in zip(table.records, table.lines) if matches(record)]
    )


def join_lines(numbers):
    return f"line{'' if len(numbers) == 1 else 's'} {join(list(map(str, numbers)))}"


def join(words):
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
