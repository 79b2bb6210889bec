"""Names of the arrays of DistilBERT and ELECTRA, and of BERT's, as Hugging Face writes them.

Their layers are BERT's under other names. The first dense layer of a head that reads the
first token is BERT's pooler, see `bert_tf.model_types`.
"""

import re

_LAYER, _POOLER = "bert.encoder.layer.{}", "bert.pooler.dense"
_HEAD = "cls.predictions"
_DISTILBERT_LAYER = "distilbert.transformer.layer.{}"
# (theirs, BERT's), both without .weight or .bias; the first that matches applies.
_NAMES = {
    "distilbert": (
        *(
            (f"{_DISTILBERT_LAYER}.{theirs}", f"{_LAYER}.{ours}")
            for theirs, ours in (
                ("attention.q_lin", "attention.self.query"),
                ("attention.k_lin", "attention.self.key"),
                ("attention.v_lin", "attention.self.value"),
                ("attention.out_lin", "attention.output.dense"),
                ("sa_layer_norm", "attention.output.LayerNorm"),
                ("ffn.lin1", "intermediate.dense"),
                ("ffn.lin2", "output.dense"),
                ("output_layer_norm", "output.LayerNorm"),
            )
        ),
        ("pre_classifier", _POOLER),
        ("distilbert.{}", "bert.{}"),
        ("vocab_transform", f"{_HEAD}.transform.dense"),
        ("vocab_layer_norm", f"{_HEAD}.transform.LayerNorm"),
        ("vocab_projector", f"{_HEAD}.decoder"),
    ),
    "electra": (
        ("sequence_summary.summary", _POOLER),
        ("classifier.dense", _POOLER),
        ("classifier.out_proj", "classifier"),
        ("electra.{}", "bert.{}"),
        ("generator_predictions.{}", f"{_HEAD}.transform.{{}}"),
        ("generator_lm_head", f"{_HEAD}.decoder"),
    ),
}
# First parts of names that no other architecture has.
_SCOPES = {
    "distilbert": {"distilbert", "transformer", "pre_classifier", "vocab_transform"},
    "electra": {"electra", "embeddings_project", "generator_predictions"},
    "bert": {"bert", "pooler"},
}
_CHOICES = "BertForMultipleChoice"


def find_architecture(names):
    """Returns the `model_type` whose names of a whole model are given; None if unclear."""
    scopes = {name.split(".")[0] for name in names}
    for model_type, own in _SCOPES.items():
        if scopes & own:
            return model_type
    return None


def to_bert(name):
    """Returns the name in BERT of an array of any of the architectures."""
    # An encoder alone has no scope; `dialects` adds BERT's to what else it has.
    name = re.sub(r"^(?=transformer\.layer\.)", "distilbert.", name)
    for names in _NAMES.values():
        for theirs, ours in names:
            if (renamed := _rename(name, theirs, ours)) is not None:
                return renamed
    return name


def from_bert(arrays, model_type, architecture):
    """Renames {name in BERT: array} to {name in another architecture: array}.

    Args:
        arrays: of a whole model.
        model_type: as in `BertConfig`.
        architecture: class of transformers' BERT with the same head, on which names in
            ELECTRA depend.

    Returns:
        dict without what the architecture does not have: a pooler that no head reads, and
        the head of next sentences.
    """
    if model_type not in _NAMES:
        return arrays
    reads_pooler = "classifier.weight" in arrays and f"{_POOLER}.weight" in arrays
    skipped = {"classifier.dense", "classifier.out_proj"}
    if reads_pooler and architecture != _CHOICES:
        skipped = {"sequence_summary.summary"}
    names = [pair for pair in _NAMES[model_type] if pair[0] not in skipped]
    renamed = {}
    for name, array in arrays.items():
        if name.startswith("cls.seq_relationship.") or (
            name.startswith(_POOLER) and not reads_pooler
        ):
            continue
        # Both write it with the word table, which is tied, as one layer.
        name = name.replace(f"{_HEAD}.bias", f"{_HEAD}.decoder.bias")
        found = (_rename(name, ours, theirs) for theirs, ours in names)
        renamed[next(filter(None, found), name)] = array
    return renamed


def _rename(name, template, other):
    """Returns a name that a template fits as another one has it, or None."""
    template = re.escape(template).replace(r"\{\}", "(.+?)")
    if not (match := re.fullmatch(rf"{template}(\.weight|\.bias)?", name)):
        return None
    *scopes, part = match.groups(default="")
    return other.format(*scopes) + part
