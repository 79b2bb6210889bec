"""Writes ONNX files of transformers' models, which several engines read."""

import torch
import transformers

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = {  # {class of the model: the output that engines need}.
    "BertForSequenceClassification": "logits",
    "BertModel": "last_hidden_state",
}


class _One(torch.nn.Module):
    """Returns one output of a model, from positional inputs."""

    def __init__(self, model, name):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, *inputs):
        return self.model(**dict(zip(INPUTS, inputs)))[self.name]


def write_onnx(folder, path, architecture="BertForSequenceClassification"):
    """Exports a model folder to an ONNX file of any batch size and length.

    Args:
        folder: model folder in Hugging Face's layout.
        path: file to write.
        architecture: a key of `OUTPUTS`; its value is the one output of the file.

    Returns:
        {label id: name}.
    """
    model = getattr(transformers, architecture).from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    name, axes = OUTPUTS[architecture], {0: "batch", 1: "length"}
    sizes = axes if name == "last_hidden_state" else {0: "batch"}
    torch.onnx.export(
        _One(model.eval(), name),
        tuple(torch.ones(2, 9, dtype=torch.int64) for _ in INPUTS),
        str(path),
        input_names=list(INPUTS),
        output_names=[name],
        dynamic_axes={**dict.fromkeys(INPUTS, axes), name: sizes},
        dynamo=False,
    )
    return model.config.id2label
