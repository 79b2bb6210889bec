"""The tokenizer of a model folder; imports TensorFlow when a tokenizer is made."""

from bert_tf.ground import lazy

tokenizer = lazy("bert_tf.tokenization.tokenizer")


def make_tokenizer(folder, *, keep_special_tokens=False):
    """Returns the `BertTokenizer` of a model folder.

    Args:
        folder: `ModelFolder`.
        keep_special_tokens: True to keep them, whatever the folder says.
    """
    options, positions = folder.tokenizer, folder.config.max_position_embeddings
    return tokenizer.BertTokenizer(
        folder.vocab,
        lower_case=options["do_lower_case"],
        strip_accents=options.get("strip_accents"),
        tokenize_chinese_chars=options.get("tokenize_chinese_chars", True),
        # As transformers reads the same folder.
        keep_special_tokens=keep_special_tokens
        or not options.get("split_special_tokens", False),
        # transformers writes 1e30 for an unknown length.
        model_max_length=int(
            min(options.get("model_max_length") or positions, positions)
        ),
    )
