"""Findings on GPUs and bfloat16."""

from bert_tf.doctor import devices


def test_gpus():
    assert devices.check_gpus(["Tesla T4"], True) == {
        "check": "machine/GPU",
        "level": "ok",
        "says": "1 GPU: Tesla T4",
        "fix": "",
    }
    assert devices.check_gpus([], False)["level"] == "ok"
    unseen = devices.check_gpus([], True)
    assert unseen["level"] == "note"
    assert "pip install 'bert_tf[gpu]'" in unseen["fix"]


def test_bf16_is_recommended_if_it_is_faster():
    finding = devices.check_bf16(float32=380.0, bfloat16=198.0)
    assert (finding["level"], finding["fix"]) == ("ok", "")
    assert finding["says"] == (
        "matrix products run at 380 GFLOP/s in float32 and 198 in bfloat16; do not use "
        "--bf16"
    )
    finding = devices.check_bf16(float32=200.0, bfloat16=390.0)
    assert (finding["level"], finding["fix"]) == ("note", "Train with --bf16.")
    assert devices.check_bf16(100.0, 115.0)["level"] == "ok"  # Within the noise.


def test_this_machine():
    gpu, bf16 = devices.check("tensorflow")  # tests/conftest.py hides GPUs.
    assert gpu["check"] == "machine/GPU"
    assert "0 GPU" not in gpu["says"]
    assert bf16["check"] == "machine/bf16"
