"""Options of tasks that write a text: how they are trained, and how texts are searched for."""

import dataclasses

from bert_tf.ground import at_least, lazy, one_of, quote
from bert_tf.tasks.options import TextOptions, option

starts = lazy("bert_tf.models.starts")

# Numbers and switches of a prediction.
SEARCH = (
    *("max_target_length", "num_beams", "length_penalty", "no_repeat_ngram_size"),
    *("min_target_length", "num_return_sequences", "do_sample", "sample_top_k"),
    *("sample_top_p", "sample_temperature", "sample_seed"),
)


@dataclasses.dataclass(frozen=True)
class Seq2SeqOptions(TextOptions):
    """Options of tasks that write a text."""

    max_target_length: int = option(
        64, "Longest target in tokens, with [SEP].", use="both"
    )
    num_beams: int = option(
        4, "Texts that are kept at each step of the search; 1: greedy.", use="both"
    )
    length_penalty: float = option(
        1.0, "Above 0 favours long texts (Wu et al., 2016).", use="both"
    )
    no_repeat_ngram_size: int = option(
        0, "No n tokens in succession occur twice in a text. 0: they may.", use="both"
    )
    min_target_length: int = option(
        0, "Fewest tokens of a text, without [SEP].", use="prediction"
    )
    num_return_sequences: int = option(
        1, "Texts for each source; above 1 they are in n_best.", use="prediction"
    )
    do_sample: bool = option(
        False, "Draw each token at random instead of searching.", use="prediction"
    )
    sample_top_k: int = option(
        0, "Draw from the k most probable tokens. 0: from all.", use="prediction"
    )
    sample_top_p: float = option(
        1.0,
        "Draw from the tokens that have this probability together.",
        use="prediction",
    )
    sample_temperature: float = option(
        1.0, "Below 1 draws probable tokens more often.", use="prediction"
    )
    sample_seed: int = option(0, "Seed of what is drawn.", use="prediction")
    label_smoothing: float = option(
        0.1, "Fraction of the target to spread over the vocabulary, in [0, 1)."
    )
    decoder: str = option(
        "bert2bert",
        "bert2bert: starts from a BERT; bertshare: has the encoder's weights; bert2rnd: "
        "random.",
    )
    decoder_model: str = option(
        "", "Model that layers and vocabulary of the decoder come from. Empty: --model."
    )
    decoder_layers: int = option(0, "Layers of the decoder. 0: as many as its model.")
    target_vocab_file: str = option(
        "",
        "Vocabulary of targets. Empty: decoder_model's, else learnt from the targets.",
    )
    target_vocab_size: int = option(8000, "Tokens of the vocabulary that is learnt.")
    target_lower_case: bool = option(False, "Targets are read in lower case.")

    def __post_init__(self):
        super().__post_init__()
        one_of("long_text", self.long_text, ("truncate", "head_tail"))
        one_of("decoder", self.decoder, starts.DECODERS)
        at_least(self, "max_target_length", 2)
        for name in ("num_beams", "num_return_sequences", "target_vocab_size"):
            at_least(self, name, 1)
        for name in (
            *("no_repeat_ngram_size", "min_target_length", "sample_top_k"),
            *("length_penalty", "sample_seed", "decoder_layers"),
        ):
            at_least(self, name, 0)
        self._check_shares()
        self._check_search()
        self._check_vocabulary()

    @property
    def longest(self):
        return self.max_seq_length, self.max_target_length

    def _check_shares(self):
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1); received {self.label_smoothing}."
            )
        if not 0 < self.sample_top_p <= 1:
            raise ValueError(
                f"sample_top_p must be in (0, 1]; received {self.sample_top_p}."
            )
        if not self.sample_temperature > 0:
            raise ValueError(
                "sample_temperature must be above 0; received "
                f"{self.sample_temperature}. For the most probable text, drop do_sample."
            )

    def _check_search(self):
        if self.num_return_sequences > self.num_beams and not self.do_sample:
            raise ValueError(
                f"num_return_sequences is {self.num_return_sequences}, but a search with "
                f"num_beams={self.num_beams} finds no more than {self.num_beams}; raise "
                "num_beams."
            )
        if self.min_target_length >= self.max_target_length:
            raise ValueError(
                f"min_target_length is {self.min_target_length}, but max_target_length="
                f"{self.max_target_length} leaves {self.max_target_length - 1} tokens "
                "beside [SEP]; lower it."
            )

    def _check_vocabulary(self):
        if self.decoder == "bertshare":
            for name in ("target_vocab_file", "decoder_model"):
                if getattr(self, name):
                    raise ValueError(
                        "decoder=bertshare has the weights and the vocabulary of the "
                        f"encoder, but {name} is {quote(getattr(self, name))}; drop one."
                    )
