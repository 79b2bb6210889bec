"""Devices, the rows that are dealt to them, and the copies that they hold."""

import pytest
import tensorflow as tf

from bert_tf.training.tensorflow.distribution import (
    make_strategy,
    on_this_replica,
    replica_copies,
    replica_rows,
)


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


def test_each_replica_has_its_own_copies():
    strategy = make_strategy("mirrored")
    with strategy.scope():
        variables = [tf.Variable(7.0), {"a": tf.Variable(3.0), "b": tf.Variable(5.0)}]
        copies = replica_copies(variables)
    variables[0].assign(11.0)

    @tf.function
    def read():
        return strategy.run(
            lambda: tf.nest.map_structure(tf.identity, on_this_replica(copies))
        )

    first, rest = read()
    for value, expected in ((first, 11.0), (rest["a"], 3.0), (rest["b"], 5.0)):
        values = strategy.experimental_local_results(value)
        assert [float(local) for local in values] == [expected, expected]
    devices = [variable.device[-5:] for variable, _ in copies]
    assert devices == ["CPU:0", "CPU:1"]
