"""A store of pieces that count up, so that each tells where it is from."""

from bert_tf.data.corpus.store import Store, StoreWriter

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write(path, documents, **options):
    """Writes a store and reads it.

    Args:
        documents: [[pieces of a sentence] of a document].
    """
    total = sum(map(sum, documents))
    vocab = [*SPECIAL, *(f"w{number}" for number in range(total))]
    writer = StoreWriter(path, vocab, {"do_lower_case": True}, **options)
    begin = len(SPECIAL)
    for lengths in documents:
        writer.add(range(begin, begin + sum(lengths)), lengths, [len(lengths)])
        begin += sum(lengths)
    writer.close({})
    return Store(path)
