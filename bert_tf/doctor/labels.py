"""Are the labels fit to learn from, and is the evaluation honest?

Examples are equal where their texts are, spaces around them aside.
"""

import collections

from bert_tf.data.messages import did_you_mean
from bert_tf.doctor.findings import note, ok, problem

FEW = 10  # Examples of a label; fewer teach next to nothing.
UNEQUAL = 10  # Times as many of one label as of another.
CONFLICTING = 0.05  # Share of rows with two labels: more than a slip of the hand.
LEAKING = 0.01  # Share of the evaluation that is known: scores differ by as much.
SHOWN = 8


def check(train, evaluation=None, known=None):
    """Returns the findings on the labels of tables, and on texts that come twice.

    Args:
        train: `Table` to learn from, or None.
        evaluation: `Table` to score on, or None.
        known: labels of the model, where it is to answer and not to learn.
    """
    found = []
    if train:
        known = {record["label"] for record in train.records}
        found += check_counts(train)
        found += check_repeats(train)
    if evaluation and known:
        found += check_evaluation_labels(evaluation, known, bool(train))
    if train and evaluation:
        found += check_leakage(train, evaluation)
    return found


def check_counts(table):
    """One label only, few of a label, many more of one than of another."""
    counts = collections.Counter(sorted(record["label"] for record in table.records))
    (most, largest), *_, (least, smallest) = 2 * counts.most_common()
    if len(counts) == 1:
        says = f"every row of {table.path} has the label {most!r}: nothing to learn."
        fix = f"Is {table.columns['label']!r} the label? --label_column= another."
        return [problem("texts/labels", says, fix)]
    found = []
    rare = [name for name in counts if counts[name] < FEW]
    if len(counts) > len(table.records) / 2:
        says = f"{len(counts)} labels in {len(table.records)} rows: are those labels?"
        fix = f"{table.columns['label']!r} was taken; --label_column= chooses another."
        return [problem("texts/labels", says, fix)]
    if rare:
        says = f"fewer than {FEW} examples of {len(rare)} of {len(counts)} labels: "
        says += ", ".join(f"{name} ({counts[name]})" for name in rare[:SHOWN])
        fix = (
            f"Add examples, up to {FEW} at least, or give them a label they can share."
        )
        found.append(note("texts/labels", f"{says}.", fix))
    if largest >= UNEQUAL * smallest:
        share = largest / len(table.records)
        says = f"{most} comes {largest / smallest:.0f} times as often as {least}; "
        says += f"{most!r} for every text would be right {share:.0%} of the time."
        fix = "Add examples of the rare ones"
        fix += ", and judge by eval_macro_f1 and per_class, not by eval_accuracy."
        found.append(note("texts/balance", says, fix))
    spelt = collections.defaultdict(list)
    for name in counts:
        spelt[name.strip().casefold()].append(name)
    for names_of_one in (names for names in spelt.values() if len(names) > 1):
        shown = " and ".join(map(repr, names_of_one))
        says = f"{shown} are different labels, by their spelling only."
        found.append(
            note("texts/spelling", says, f"Write one of them in {table.path}.")
        )
    if found:
        return found
    if largest == smallest:
        says = f"{', '.join(list(counts)[:SHOWN])}"
    else:
        says = ", ".join(f"{name} {n}" for name, n in counts.most_common(SHOWN))
    says += f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    says += f", {smallest} examples each" if largest == smallest else ""
    return [ok("texts/labels", f"{len(counts)}: {says}")]


def check_evaluation_labels(table, known, in_training):
    """Labels that could never be answered."""
    counts = collections.Counter(record["label"] for record in table.records)
    where = "the training file" if in_training else "the model"
    found = []
    if strange := [name for name in counts if name not in known]:
        first = strange[0]
        lines = lines_of(table, lambda record: record["label"] == first)
        says = f"{table.path} has labels that {where} lacks: "
        says += ", ".join(f"{name!r} ({counts[name]})" for name in strange[:SHOWN])
        says += f"; {first!r} in {lines}."
        fix = did_you_mean(first, sorted(known), "Delete these rows, or train on some.")
        found.append(problem("texts/eval_labels", says, fix))
    if unseen := sorted(known - counts.keys()):
        says = (
            f"{table.path} has no example of {', '.join(unseen[:SHOWN])}: nobody will "
        )
        says += "know how well those are told."
        fix = f"Move some from training into {table.path}."
        found.append(note("texts/eval_labels", says, fix))
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
    conflicts = [rows for rows in by_text.values() if len(set(dict(rows))) > 1]
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
    says = f"{again} rows of {table.path} repeat a text above: {join_lines(sorted(lines))}."
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
    shown = ", ".join(map(str, numbers[:SHOWN]))
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"line{'' if len(numbers) == 1 else 's'} {shown}{more}"
