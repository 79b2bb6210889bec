"""Reads what an embedder reads: pairs of texts, triplets to train on, or single texts."""

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.records.triplets import read_triplets


def read_pairs_or_texts(
    path, *, with_labels=True, triplets=False, columns=None, **options
):
    """Reads as `read_table`; a model trained on pairs embeds single texts, too.

    With `triplets`, files of triplets are read, too, see `read_triplets`.
    """
    if triplets and (table := read_triplets(path, **options)):
        return table
    options |= {"with_labels": with_labels}
    try:
        return read_table(path, columns=columns, **options)
    except ValueError:
        if with_labels or not columns:
            raise
    return read_table(path, **options)


def read_lines(lines, *, columns=None, id_column=None, source="standard input"):
    """Reads as `read_texts`: pairs if every line has a TAB, else texts."""
    lines = list(lines)
    pairs = lines and all((b"\t" if type(x) is bytes else "\t") in x for x in lines)
    columns = {role: role for role in ("text", "text_pair")} if pairs else None
    return read_texts(lines, columns=columns, id_column=id_column, source=source)
