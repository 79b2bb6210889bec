"""Chooses the vocabulary and the sizes of a new decoder."""

from bert_tf.ground import lazy
from bert_tf.tasks.target_vocabulary import learn_target_vocabulary

starts = lazy("bert_tf.models.starts")
tokenization = lazy("bert_tf.tokenization")


def choose_decoder(options, folder, targets):
    """Returns the `ModelFolder` of a new decoder.

    Args:
        options: `Seq2SeqOptions`.
        folder: `ModelFolder` of the encoder.
        targets: list of strings, of the training records.

    Raises:
        ValueError: the decoder cannot attend to this encoder.
    """
    start = folder
    if options.decoder_model:
        start = starts.read_folder(options.decoder_model)
        sizes = [x.config.hidden_size for x in (start, folder)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"decoder_model {options.decoder_model} has the hidden size {sizes[0]}, "
                f"but that of model is {sizes[1]}; choose one of the same size."
            )
    shared = options.decoder == "bertshare"
    vocab = tokenizer = None
    if options.target_vocab_file:
        vocab = tokenization.read_vocab(options.target_vocab_file)
    elif not options.decoder_model and not shared:
        vocab = learn_target_vocabulary(
            targets, options.target_vocab_size, options.target_lower_case
        )
    if vocab:
        tokenizer = {"do_lower_case": options.target_lower_case, "strip_accents": None}
    return starts.make_decoder(
        start,
        vocab=vocab,
        tokenizer=tokenizer,
        layers=options.decoder_layers,
        shared=shared,
    )
