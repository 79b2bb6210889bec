"""transformers' EncoderDecoderModel and Bert2Bert read each other's folders.

Logits under teacher forcing and greedily generated tokens of 100 sentences are equal.
"""

import dataclasses
import os

import numpy as np
import pytest
import tiny
import tiny_folder

from bert_tf import Bert2Bert, BertConfig
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints.vocabulary import write_vocab
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.decoding import generate
from bert_tf.models.seq2seq import as_rows
from bert_tf.tasks.seq2seq_options import Seq2SeqOptions

pytestmark = pytest.mark.slow
VOCAB = [*tiny_folder.VOCAB, *(f"w{number}" for number in range(61))]
TARGETS = [*VOCAB[:5], *(f"z{number}" for number in range(56))]
CONFIG = BertConfig(
    vocab_size=len(VOCAB),
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=29,
    max_position_embeddings=71,
)
LONGEST = 20


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip("torch")
    os.environ["HF_HUB_OFFLINE"] = "1"
    return pytest.importorskip("transformers")


def texts(count, size, seed):
    """Returns ids, int64 [count, 14]: [CLS], 1 to 11 tokens, [SEP], padding."""
    random = np.random.default_rng(seed)
    ids = np.zeros((count, 14), np.int64)
    for row, length in zip(ids, random.integers(1, 12, count)):
        row[: length + 2] = [2, *random.integers(5, size, length), 3]
    return ids


def ours(model, sources, targets):
    batch = {"input_ids": sources, "input_mask": (sources > 0).astype(int)}
    return model(batch | {"target_ids": targets})["logits"].numpy()


def theirs(model, sources, targets):
    import torch

    with torch.no_grad():
        outputs = model.eval()(
            input_ids=torch.tensor(sources),
            attention_mask=torch.tensor(sources > 0).long(),
            decoder_input_ids=torch.tensor(targets[:, :-1]),
        )
    return outputs.logits.numpy()


def greedy(model, sources):
    """Returns the most probable tokens, each computed with all before it."""
    ids = np.full([len(sources), 1], 2)
    for _ in range(LONGEST):
        asked = np.pad(ids, [(0, 0), (0, 1)], constant_values=1)
        best = ours(model, sources, asked)[:, -1].argmax(-1)
        best[(ids == 3).any(1)] = 0
        ids = np.concatenate([ids, best[:, None]], axis=1)
    return ids


@pytest.mark.parametrize("shared", [False, True])
def test_transformers_reads_what_is_written_here(tmp_path, transformers, shared):
    import torch

    changes = {"num_hidden_layers": 1} if shared else {"num_hidden_layers": 3}
    vocab = VOCAB if shared else TARGETS
    config = dataclasses.replace(CONFIG, vocab_size=len(vocab), **changes)
    model = Bert2Bert(BertBackbone(CONFIG), config, shared=shared)
    tiny.fill(model, 4)
    # transformers allows [PAD] and [CLS] within a text, which are never generated here.
    bias = np.array(model.decoder.predictions.output_bias)
    bias[[0, 2]] = -100
    model.decoder.predictions.output_bias.assign(bias)
    model.backbone.folder = folders.ModelFolder(CONFIG, VOCAB, {"do_lower_case": True})
    model.decoder.folder = folders.ModelFolder(config, vocab, {"do_lower_case": False})
    model.save_pretrained(tmp_path / "saved")
    loaded, report = transformers.EncoderDecoderModel.from_pretrained(
        tmp_path / "saved", output_loading_info=True
    )
    assert not any(report.values()), report  # Missing, unexpected, of another shape.
    sources, targets = texts(100, len(VOCAB), 1), texts(100, len(vocab), 2)
    expected, kept = theirs(loaded, sources, targets), targets[:, 1:] > 0
    received = ours(model, sources, targets)
    np.testing.assert_allclose(received[kept], expected[kept], atol=2e-5)
    generated = loaded.generate(
        input_ids=torch.tensor(sources),
        attention_mask=torch.tensor(sources > 0).long(),
        max_new_tokens=LONGEST,
        num_beams=1,
        do_sample=False,
    ).numpy()
    assert len(np.unique(generated, axis=0)) > 10
    length = generated.shape[1]
    np.testing.assert_array_equal(greedy(model, sources)[:, :length], generated)
    options = Seq2SeqOptions(num_beams=1, max_target_length=LONGEST)
    rows = as_rows({"input_ids": sources, "input_mask": (sources > 0).astype(int)})
    ids = generate(model, rows, options, start_id=2, end_id=3)["ids"][:, 0].numpy()
    np.testing.assert_array_equal(ids[:, : length - 1], generated[:, 1:])
    for folder, token in (
        (tmp_path / "saved", "w3"),
        (tmp_path / "saved/decoder", vocab[9]),
    ):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        place = (vocab if folder.name == "decoder" else VOCAB).index(token)
        assert tokenizer.convert_tokens_to_ids(token) == place


def test_what_transformers_writes_is_read_here(tmp_path, transformers):
    sizes = {"hidden_size": 24, "intermediate_size": 29, "max_position_embeddings": 71}
    encoder = transformers.BertConfig(
        vocab_size=80, num_hidden_layers=2, num_attention_heads=3, **sizes
    )
    decoder = transformers.BertConfig(
        vocab_size=61, num_hidden_layers=1, num_attention_heads=2, **sizes
    )
    transformers.BertModel(encoder).save_pretrained(tmp_path / "encoder")
    transformers.BertForMaskedLM(decoder).save_pretrained(tmp_path / "decoder")
    model = transformers.EncoderDecoderModel.from_encoder_decoder_pretrained(
        str(tmp_path / "encoder"), str(tmp_path / "decoder")
    )
    model.save_pretrained(tmp_path / "both")
    write_vocab(tmp_path / "both" / "vocab.txt", VOCAB[:80])
    (tmp_path / "both" / "decoder").mkdir()
    write_vocab(tmp_path / "both" / "decoder" / "vocab.txt", TARGETS)
    sources, targets = texts(30, 80, 1), texts(30, 61, 2)
    loaded = Bert2Bert.from_pretrained(tmp_path / "both")
    kept = targets[:, 1:] > 0
    expected = theirs(model, sources, targets)[kept]
    np.testing.assert_allclose(
        ours(loaded, sources, targets)[kept], expected, atol=2e-5
    )


def test_a_projection_between_the_two_is_refused(tmp_path, transformers):
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 9}
    narrow, wide = (
        transformers.BertConfig(vocab_size=80, hidden_size=size, **sizes)
        for size in (12, 16)
    )
    config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(
        narrow, wide
    )
    transformers.EncoderDecoderModel(config).save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="hidden_size 12, the decoder 16; .*enc_to_dec_proj"
    ):
        Bert2Bert.from_pretrained(tmp_path)
