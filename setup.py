"""Installs bert_tf; pip's own words: pip install -e ."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (ROOT / "bert_tf/__init__.py").read_text(), re.MULTILINE
)[1]

setuptools.setup(
    name="bert_tf",
    version=VERSION,
    description="BERT in TensorFlow and Keras: from text to a fine-tuned, served model",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=setuptools.find_packages(include=["bert_tf", "bert_tf.*"]),
    package_data={
        "bert_tf.commands": ["customer_messages/*"],
        "bert_tf.analysis": ["page.html"],
        "bert_tf.data.records": ["swaps.txt"],
        "bert_tf.serving": ["page.html"],
        "bert_tf.serving.deploy": ["*.config", "*.yaml"],
    },
    entry_points={"console_scripts": ["bert-tf = bert_tf.commands:main"]},
    # tensorflow-text has no wheel for Python 3.14.
    python_requires=">=3.11,<3.14",
    install_requires=[
        "tensorflow>=2.20,<2.22",
        "keras>=3.13,<3.16",
        "keras-nlp",
        "tensorflow-text",
        "tensorflow-datasets",
        "importlib_resources",  # tensorflow-datasets imports it, but does not say so.
        "absl-py",
        "charset-normalizer",  # Names the likely encoding of a file that is not UTF-8.
        "matplotlib",
        "numpy",
        "packaging",
        "safetensors",
        "scikit-learn",
        "scipy",
        "tqdm",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]"],  # With NVIDIA's libraries; for Linux.
        "generation": ["rouge-score", "sacrebleu"],  # Scores translations and answers.
        "hub": ["huggingface_hub"],  # Fetches published models by name.
        "jax": ["jax", "tokenizers"],  # The second engine: --engine=jax.
        "jax-gpu": ["jax[cuda12]", "tokenizers"],  # With NVIDIA's libraries; for Linux.
        # Jupyter, and what runs notebooks in a test.
        "notebook": ["ipykernel", "jupyterlab", "nbclient", "nbformat"],
        "onnx": ["onnxruntime", "tf2onnx"],  # bert-tf export --format=onnx.
        "light": ["ai-edge-litert", "tokenizers"],  # bert_tf.light, bert-tf compress.
        "pandas": ["pandas"],  # Predictions as a DataFrame.
        "parquet": ["pyarrow"],  # Reads and writes .parquet.
        # bert-tf search --method=bm25 and hybrid; --approximate.
        "search": ["bm25s", "usearch"],
        "serve": ["prometheus_client", "starlette", "uvicorn"],  # The trial server.
        "serving": ["grpcio", "protobuf"],  # The client over gRPC.
        "xlsx": ["openpyxl"],  # Reads Excel's .xlsx.
        "test": [
            *("hypothesis", "pytest", "pytest-xdist", "seqeval"),
            *("openpyxl", "pandas", "pyarrow"),
            *("starlette", "uvicorn", "prometheus_client", "tensorflow-serving-api"),
            *("ai-edge-litert", "onnxruntime", "tf2onnx"),
            *("jax", "tokenizers"),
            *("bm25s", "rouge-score", "sacrebleu", "usearch"),
        ],
    },
)
