"""What every tokenizer knows: its vocabulary, special tokens, and how it reads texts."""

from bert_tf import tokenization
from bert_tf.checkpoints.vocabulary import check_vocab
from bert_tf.ground import lazy

folders = lazy("bert_tf.checkpoints.folder")

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Tokenizer:
    """The settings of a tokenizer; subclasses turn strings into ids, see `_load`.

    Args:
        vocab, lower_case, strip_accents, tokenize_chinese_chars, keep_special_tokens,
            clean_input, model_max_length, max_position_embeddings: as of `BertTokenizer`.

    Raises:
        ValueError: [PAD], [UNK], [CLS] or [SEP] is missing from `vocab`.
    """

    def __init__(
        self,
        vocab,
        *,
        lower_case=True,
        strip_accents=None,
        tokenize_chinese_chars=True,
        keep_special_tokens=False,
        clean_input=False,
        model_max_length=None,
        max_position_embeddings=None,
    ):
        check_vocab(vocab)
        self.vocab = list(vocab)
        self.lower_case = bool(lower_case)
        self.strip_accents = (
            self.lower_case if strip_accents is None else bool(strip_accents)
        )
        self.tokenize_chinese_chars = bool(tokenize_chinese_chars)
        self.keep_special_tokens = bool(keep_special_tokens)
        self.clean_input = bool(clean_input)
        self.model_max_length = model_max_length
        self.max_position_embeddings = max_position_embeddings
        self.token_to_id = {piece: number for number, piece in enumerate(self.vocab)}
        self.vocab_size = len(self.vocab)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self.token_to_id.get(piece) for piece in SPECIAL
        )
        self._kept = [p for p in SPECIAL if keep_special_tokens and p in self.vocab]
        self._load()

    def _load(self):
        """Makes what turns strings into ids, from the settings."""
        raise NotImplementedError

    @classmethod
    def from_pretrained(cls, name):
        """Returns the tokenizer of a model.

        Args:
            name: model folder, "minilm", or a published name, as in `checkpoints.names`.

        Raises:
            FileNotFoundError, ValueError: no such model, or it has no vocabulary.
        """
        return tokenization.make_tokenizer(folders.read(folders.resolve(name)))
