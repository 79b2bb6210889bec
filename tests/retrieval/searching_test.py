"""Searches of an index and of a file: by meaning, by words, by both, and reranked."""

import json
import pathlib
import shutil
import sys

import numpy as np
import pytest
import tiny_embedders
import tiny_folder

import bert_tf
from bert_tf.checkpoints import formats
from bert_tf.retrieval.searching import search
from bert_tf.retrieval.settings import SearchConfig
from bert_tf.serving import exporting

QUERIES = ["film bad", "very fine"]
JOINED = [
    *("a good film", "film it was bad", "the film is fine", "film it is very poor"),
    *("the film was bad , very bad", "film is it a film ?", "a good film"),
]


def find(queries=QUERIES, **options):
    return search(SearchConfig(**{"index": "index", "top_k": 7} | options), queries)


def cosines(queries=QUERIES, prompts=tiny_embedders.PROMPTS):
    def vectors(prompt, texts):
        texts = [prompts[prompt] + text for text in texts]
        return tiny_embedders.vectors(pathlib.Path("e5"), "e5", texts)

    return vectors("query", queries) @ vectors("passage", JOINED).T


def places(hits):
    return [[int(hit["id"][1:]) for hit in own] for own in hits]


class TestDense:
    @pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
    def test_equals_brute_force(self, tmp_path, dtype):
        folder = tmp_path / "index"
        config = {"model": "e5", "corpus_file": "corpus.jsonl", "vectors": dtype}
        bert_tf.index(bert_tf.IndexConfig(output_dir=str(folder), **config))
        bound = {"float32": 1e-6, "float16": 2e-3, "int8": 2e-2}[dtype]
        hits = find(index=str(folder))
        for own, scores, row in zip(places(hits), hits, cosines()):
            assert sorted(own) == list(range(7))
            found = [hit["score"] for hit in scores]
            assert found == sorted(found, reverse=True)
            assert found == pytest.approx(row[own].tolist(), abs=bound)
            assert own.index(0) + 1 == own.index(6)  # Equal texts, as in the corpus.

    def test_what_is_printed(self):
        ((hit,), _) = find(top_k=1)
        place = int(np.argmax(cosines()[0]))
        assert hit["id"] == f"d{place}"
        assert hit["line"] == place + 1
        assert list(hit)[-2:] == ["text", "score"]
        assert ("title" in hit) == (place % 2 == 1)

    def test_a_file_gives_the_same(self):
        hits = find(index="", model="e5", corpus_file="corpus.jsonl")
        pathlib.Path("titled.jsonl").write_text(
            "".join(json.dumps({"text": text}) + "\n" for text in JOINED)
        )
        titled = find(index="", model="e5", corpus_file="titled.jsonl")
        assert [hit["line"] - 1 for hit in titled[0]] == places(find())[0]
        assert list(hits[0][0]) == ["line", "text", "score"]

    def test_prompt_of_the_query(self):
        hits = find(prompt_name="passage")
        both = {
            name: tiny_embedders.PROMPTS["passage"] for name in ("query", "passage")
        }
        expected = cosines(prompts=both)[0][places(hits)[0]]
        scores = [hit["score"] for hit in hits[0]]
        assert scores == pytest.approx(expected.tolist(), abs=1e-6)

    def test_dim_is_that_of_the_index(self, tmp_path):
        folder = str(tmp_path / "index")
        config = {"model": "minilm", "corpus_file": "corpus.jsonl", "dim": 5}
        bert_tf.index(bert_tf.IndexConfig(output_dir=folder, **config))
        path = pathlib.Path("minilm")
        rows = [
            tiny_embedders.vectors(path, "minilm", texts)[:, :5]
            for texts in (QUERIES, JOINED)
        ]
        queries, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rows)
        hits = find(index=folder)
        expected = (queries @ texts.T)[0][places(hits)[0]]
        scores = [hit["score"] for hit in hits[0]]
        assert scores == pytest.approx(expected.tolist(), abs=1e-5)
        with pytest.raises(ValueError, match="made by another model .dim '5' in the i"):
            find(index=folder, dim=4)

    def test_an_export_has_an_index_of_its_own(self, tmp_path):
        pytest.importorskip("ai_edge_litert")
        exporting.export(
            exporting.ExportConfig(
                model="minilm",
                task="similarity",
                output_dir=str(tmp_path / "phone"),
                format="tflite",
                dim=5,
            )
        )
        folder = str(tmp_path / "index")
        config = {"model": str(tmp_path / "phone"), "corpus_file": "corpus.jsonl"}
        assert (
            bert_tf.index(bert_tf.IndexConfig(output_dir=folder, **config))["width"]
            == 5
        )
        assert find(JOINED[:1], index=folder)[0][0]["score"] == pytest.approx(
            1, abs=1e-5
        )
        with pytest.raises(ValueError, match="was made by another model"):
            find(index=folder, model="minilm")


class TestWords:
    @pytest.fixture(autouse=True)
    def installed(self):
        pytest.importorskip("bm25s")

    def test_bm25_finds_words_of_titles_too(self):
        (own,) = find(["poor film"], method="bm25")
        assert own[0]["id"] == "d3"
        assert {hit["id"] for hit in own} == {f"d{number}" for number in range(7)}
        (own,) = find(["poor"], method="bm25")
        assert [hit["id"] for hit in own] == ["d3"]
        assert find(["unknown"], method="bm25") == [[]]

    def test_bm25_needs_no_model(self, tmp_path, monkeypatch):
        shutil.copytree("index", tmp_path / "index")
        facts = json.loads((tmp_path / "index/index.json").read_text())
        facts["settings"]["model"] = "gone"
        (tmp_path / "index/index.json").write_text(json.dumps(facts))
        index = str(tmp_path / "index")
        assert find(["poor"], method="bm25", index=index)[0][0]["id"] == "d3"
        with pytest.raises((ValueError, OSError), match="gone"):
            find(["poor"], index=index)

    def test_hybrid_adds_the_inverse_ranks(self):
        dense, words = find(), find(method="bm25")
        expected = np.zeros([2, 7])
        for side in (dense, words):
            for query, own in enumerate(places(side)):
                for rank, place in enumerate(own, 1):
                    expected[query, place] += 1 / (60 + rank)
        hits = find(method="hybrid")
        for own, scores, row in zip(places(hits), hits, expected):
            assert own == np.argsort(-row, kind="stable").tolist()
            found = [hit["score"] for hit in scores]
            assert found == pytest.approx(row[own].tolist(), abs=1e-9)

    def test_first_ranks_stand_out_with_a_small_constant(self):
        (own,) = find(["poor film"], method="hybrid", rank_constant=1)
        ranks = [
            {hit["id"]: rank for rank, hit in enumerate(hits, 1)}
            for hits in (find(["poor film"])[0], find(["poor film"], method="bm25")[0])
        ]
        for hit in own:
            expected = sum(1 / (1 + rank[hit["id"]]) for rank in ranks)
            assert hit["score"] == pytest.approx(expected, abs=1e-9)

    def test_a_file(self):
        options = {"index": "", "model": "e5", "corpus_file": "corpus.txt"}
        (own,) = find(["poor"], method="bm25", **options)
        assert [(hit["line"], hit["text"]) for hit in own] == [(4, "it is very poor")]
        (own,) = find(["poor"], method="hybrid", **options)
        assert own[0]["line"] == 4


def test_words_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(ValueError, match="run pip install bm25s"):
        find(method="hybrid")


class TestReranking:
    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, made):
        rows = [
            {"query": "is it ?", "positive": "a film", "negatives": ["bad", "poor"]}
        ]
        lines = "".join(json.dumps(row) + "\n" for row in 4 * rows)
        (made / "lists.jsonl").write_text(lines)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(made)
            tiny_folder.write("start")
            bert_tf.finetune(
                bert_tf.FinetuneConfig(
                    model="start",
                    task="reranking",
                    train_file="lists.jsonl",
                    output_dir="reranker",
                    max_seq_length=16,
                ),
                bert_tf.TrainConfig(max_steps=1, per_device_train_batch_size=4),
            )
        return "reranker"

    def test_the_first_hits_are_ordered_anew(self, reranker):
        before = find()
        hits = find(reranker=reranker, rerank_top=4)
        model = bert_tf.Model(reranker)
        for query, own, old in zip(QUERIES, hits, before):
            tops = [JOINED[place] for (place,) in map(int_id, old[:4])]
            (row,) = model.predict([{"query": query, "passages": tops}])
            expected = [old[item["index"]]["id"] for item in row["ranking"]]
            assert [hit["id"] for hit in own[:4]] == expected
            scores = [hit["rerank_score"] for hit in own[:4]]
            assert scores == pytest.approx(
                [item["score"] for item in row["ranking"]], abs=1e-6
            )
            assert own[4:] == old[4:]
            assert {hit["id"]: hit["score"] for hit in own} == {
                hit["id"]: hit["score"] for hit in old
            }

    def test_it_reads_more_than_are_printed(self, reranker):
        whole = find(reranker=reranker, rerank_top=7)
        assert find(reranker=reranker, rerank_top=7, top_k=2) == [
            own[:2] for own in whole
        ]

    def test_nothing_to_order(self, reranker):
        pytest.importorskip("bm25s")
        assert find(["unknown"], method="bm25", reranker=reranker) == [[]]

    def test_a_model_of_another_task(self):
        with pytest.raises(ValueError, match="trained head|no head|head"):
            find(reranker="e5")


def int_id(hit):
    return [int(hit["id"][1:])]


class TestRefusals:
    def test_another_model(self):
        with pytest.raises(ValueError, match="was made by another model") as error:
            find(model="minilm")
        assert "prompt 'it is ' in the index, '' here" in str(error.value)

    def test_other_weights(self, tmp_path):
        shutil.copytree("e5", tmp_path / "e5")
        file = tmp_path / "e5/model.safetensors"
        arrays = formats.read_safetensors(file)
        name = min(arrays)
        arrays[name] = arrays[name] + 1
        formats.write_safetensors(file, arrays)
        with pytest.raises(
            ValueError, match="another model .weights '[0-9a-f]{16}' in"
        ):
            find(model=str(tmp_path / "e5"))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"index": "none"}, "there is no index none; make it by bert-tf index"),
            ({"index": "e5"}, "e5 holds no index.json, so it is no index"),
            ({"index": "", "model": "e5"}, "corpus_file is missing"),
            ({"index": ""}, "model is missing"),
            ({"corpus_file": "corpus.txt"}, "received index='index' and corpus_file="),
            (
                {"query": "a", "input_file": "b"},
                "received query='a' and input_file='b'",
            ),
            ({"query": "a", "eval_file": "b"}, "received eval_file='b' and query='a'"),
            (
                {"method": "faiss"},
                "method must be one of dense, bm25, hybrid; received",
            ),
            ({"top_k": 0}, "top_k must be at least 1; received 0."),
            ({"rerank_top": 0}, "rerank_top must be at least 1; received 0."),
            ({"rank_constant": -1}, "rank_constant must be at least 0; received -1."),
            ({"quantize": "int8"}, "would compare vectors of two models; drop it"),
            (
                {"prompt_name": "none"},
                "prompt_name must be a prompt of the model folder",
            ),
            ({"reranker": "none"}, "none"),
        ],
    )
    def test_settings(self, options, message):
        with pytest.raises((ValueError, OSError)) as error:
            find(**options)
        assert message in str(error.value)

    @pytest.mark.parametrize("queries", [[], [" "], ["a", ""]])
    def test_queries_without_words(self, queries):
        with pytest.raises(ValueError, match="query must have words; received ''|' '"):
            find(queries)
