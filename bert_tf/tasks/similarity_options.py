"""Options of similarity."""

import dataclasses

from bert_tf.ground import at_least, one_of
from bert_tf.models import check_pooling
from bert_tf.tasks.options import TextOptions, option
from bert_tf.tasks.similarity_losses import LOSSES


@dataclasses.dataclass(frozen=True)
class SimilarityOptions(TextOptions):
    """How embeddings are made, trained and read."""

    pooling: str = option(
        "",
        "Vector of a text: mean of its tokens, cls (the first), or max (the largest "
        "of each value); cls,mean joins two. Empty: as the model folder says, else mean.",
    )
    similarity_loss: str = option(
        "cosine",
        "cosine: squared difference of cosine and label; negatives: pairs without "
        "labels, told from the other pairs of the batch, or triplets.",
    )
    mine_negatives: int = option(
        0,
        "Hard negatives of each pair: so many second texts of others that the model finds "
        "nearest, before training. 0: none.",
    )
    mine_skip: int = option(
        0, "Nearest texts to leave out when mining, which may belong to the first text."
    )
    matryoshka_dims: str = option(
        "",
        "Train the first numbers of an embedding, too, such as 384,128,64. Empty: all.",
    )
    dim: int = option(
        0, "Keep only the first numbers of an embedding. 0: all.", use="prediction"
    )
    prompt_name: str = option(
        "",
        "Prompt of the folder to put before texts, such as query; before pairs two, "
        "as query,document; none before second texts: query,. Empty: its default.",
        use="both",
    )

    def __post_init__(self):
        super().__post_init__()
        if self.pooling:
            check_pooling(self.pooling)
        one_of("similarity_loss", self.similarity_loss, LOSSES)
        self._check_widths()
        for name in ("mine_negatives", "mine_skip", "dim"):
            at_least(self, name, 0)
        if self.mine_negatives and self.similarity_loss != "negatives":
            raise ValueError(
                f"mine_negatives={self.mine_negatives} is for "
                f"similarity_loss=negatives; received {self.similarity_loss!r}."
            )

    @property
    def widths(self):
        """The numbers of an embedding that are trained, each a whole number; or ()."""
        return tuple(map(int, filter(None, self.matryoshka_dims.split(","))))

    def _check_widths(self):
        parts = self.matryoshka_dims.split(",") if self.matryoshka_dims else []
        if not all(x.strip().isdecimal() and int(x) for x in parts) or len(
            set(parts)
        ) < len(parts):
            raise ValueError(
                "matryoshka_dims must be different whole numbers from 1, with commas "
                f"between; received {self.matryoshka_dims!r}."
            )
