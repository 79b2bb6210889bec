"""Devices, and rows dealt to them."""

import pytest
import tensorflow as tf

from bert_tf.training.tensorflow.distribution import make_strategy, replica_rows


@pytest.mark.parametrize("name", ["one_device", "auto"])
def test_one_device_is_the_default(name):
    strategy = make_strategy(name)
    assert strategy.num_replicas_in_sync == 1
    with strategy.scope():
        assert tf.constant(1.0).device.endswith("CPU:0")


def test_a_replica_on_each_logical_cpu():
    strategy = make_strategy("mirrored")
    assert strategy.num_replicas_in_sync == 2
    devices = [device[-5:] for device in strategy.extended.worker_devices]
    assert devices == ["CPU:0", "CPU:1"]


def test_an_unknown_name_is_an_error():
    with pytest.raises(
        ValueError, match="one_device, mirrored or multi_worker; .*'tpu'"
    ):
        make_strategy("tpu")


def test_rows_are_dealt_in_turn():
    strategy = make_strategy("mirrored")
    # Elements of different sizes, as packed rows are.
    dataset = tf.data.Dataset.range(1, 7).map(lambda size: tf.fill([size], size))
    iterator = replica_rows(strategy, lambda _: dataset)
    dealt = [
        [part.numpy().tolist() for part in strategy.experimental_local_results(rows)]
        for rows in (next(iterator), next(iterator))
    ]
    assert dealt == [[[1], [2, 2]], [[3, 3, 3], [4, 4, 4, 4]]]


def test_one_device_takes_all_rows():
    dataset = tf.data.Dataset.range(3)
    iterator = replica_rows(make_strategy("one_device"), lambda _: dataset)
    assert [int(next(iterator)) for _ in range(3)] == [0, 1, 2]
