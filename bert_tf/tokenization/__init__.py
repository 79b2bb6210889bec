"""WordPiece tokenization (Wu et al., 2016; Devlin et al., 2019), in a graph or in NumPy.

Ids and character offsets equal those of transformers' BertTokenizerFast: cleaning,
Chinese characters, accents, lower-casing, punctuation, pieces, and the limit of 100
characters a word. (One difference: two adjacent spacing combining marks keep their order
here. Canonical order would swap a few such pairs in rare scripts.)

BERT was trained with google-research/bert's tokenization.py, which differs from both:
  * it always splits special pieces in the text ("[", "mask", "]"). Hugging Face keeps
    them by default; here `keep_special_tokens` decides;
  * it turns a capital sigma at the end of a word into a final ς, not into σ;
  * a private-use character makes a word unknown, while it is dropped here;
  * a word may have 200 characters, not 100;
  * U+2B820 to U+2B91F are Chinese characters, not letters;
  * it uses the Unicode categories of the running Python, not those of Unicode 8;
  * it strips white space from the lines of vocab.txt, which are kept unchanged here.
"""

from bert_tf.checkpoints.vocabulary import read_vocab, write_vocab
from bert_tf.ground import lazy

__all__ = ["BertTokenizer", "make_tokenizer", "read_vocab", "tflite_ops", "write_vocab"]

keras = lazy("keras")
_tokenizer = lazy("bert_tf.tokenization.tokenizer")
_on_host = lazy("bert_tf.tokenization.on_host")
_fast = lazy("bert_tf.tokenization.fast")


def tokenizer_class():
    """Returns the class of tokenizers for the engine, which Keras' backend determines.

    TensorFlow's engine tokenizes in the graph. For others, texts are tokenized into NumPy
    arrays: by TensorFlow Text if it is installed, else by Hugging Face's `tokenizers`.
    """
    if keras.backend.backend() == "tensorflow":
        return _tokenizer.BertTokenizer
    try:
        return _on_host.HostTokenizer
    except ImportError:
        return _fast.FastTokenizer


def make_tokenizer(folder, *, keep_special_tokens=False, kind=None):
    """Returns the tokenizer of a model folder.

    Args:
        folder: `ModelFolder`.
        keep_special_tokens: True to keep them, whatever the folder says.
        kind: class of the tokenizer; None for `tokenizer_class`.
    """
    options, positions = folder.tokenizer, folder.config.max_position_embeddings
    return (kind or tokenizer_class())(
        folder.vocab,
        lower_case=options["do_lower_case"],
        strip_accents=options.get("strip_accents"),
        tokenize_chinese_chars=options.get("tokenize_chinese_chars", True),
        # As transformers reads the same folder.
        keep_special_tokens=keep_special_tokens
        or not options.get("split_special_tokens", False),
        clean_input=options.get("clean_input", False),
        # transformers writes 1e30 for an unknown length.
        model_max_length=int(
            min(options.get("model_max_length") or positions, positions)
        ),
        max_position_embeddings=positions,
    )


def __getattr__(name):
    # Vocabularies are read without TensorFlow.
    if name == "BertTokenizer":
        return tokenizer_class()
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_tokenizer, name)
