"""The client over gRPC, against TensorFlow Serving's own stubs on the loopback."""

import subprocess
import sys
from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import Model
from bert_tf.serving import protobuf as messages
from bert_tf.serving.client import Client, ServingError
from bert_tf.serving.signatures import make_signatures

grpc = pytest.importorskip("grpc")
predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
service = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
TEXTS = ["it was very good .", "bad", "a fine film"]


class Service(service.PredictionServiceServicer):
    """Runs signatures; the model "busy" refuses the first request."""

    def __init__(self, signatures):
        self.signatures, self.busy_requests = signatures, 0

    def Predict(self, request, context):
        if request.model_spec.name == "busy":
            self.busy_requests += 1
            if self.busy_requests < 2:
                context.abort(grpc.StatusCode.UNAVAILABLE, "loading")
        elif request.model_spec.name != "model":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        inputs = {n: tf.constant(tf.make_ndarray(x)) for n, x in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        outputs = self.signatures[request.model_spec.signature_name](**inputs)
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


@pytest.fixture(scope="module")
def address(folders):
    model = Model(folders["classification"])
    server = grpc.server(futures.ThreadPoolExecutor(2))
    signatures = make_signatures(model.task, model.keras_model, pairs=False)
    service.add_PredictionServiceServicer_to_server(Service(signatures), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(0)


@pytest.mark.parametrize("name", ["model", "busy"])
def test_predictions(address, folders, name):
    predictions = Client(address, name, wait=0.01).predict(text=TEXTS)
    expected = Model(folders["classification"]).predict(TEXTS)
    assert [x["label"] for x in predictions] == [x["label"] for x in expected]
    np.testing.assert_allclose(
        [prediction["scores"] for prediction in predictions],
        [list(prediction["scores"].values()) for prediction in expected],
        atol=1e-5,
    )


def test_a_refusal_is_an_error_with_its_code(address):
    with pytest.raises(ServingError, match=r"nobody: no such model \(NOT_FOUND\)"):
        Client(address, "nobody").predict(text=["a"])


def test_tensorflow_serving_parses_the_requests():
    ours = messages.predict_request("m", "s", {"choices": [["a", "b"], ["ü", ""]]})
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert (theirs.model_spec.name, theirs.model_spec.signature_name) == ("m", "s")
    array = tf.make_ndarray(theirs.inputs["choices"])
    assert array.tolist() == [[b"a", b"b"], ["ü".encode(), b""]]


def test_the_client_needs_no_tensorflow():
    code = (
        "import sys; import bert_tf.serving.client as c; "
        "c.Client('grpc://localhost:1', 'm', retries=0); "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
