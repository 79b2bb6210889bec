"""Records held out of a table for evaluation."""

import json

import pytest

from bert_tf.data.records.readers import read_table
from bert_tf.data.records.sources import hold_out
from bert_tf.data.records.squad import read_questions


def table(tmp_path, texts, name="train.tsv"):
    path = tmp_path / name
    rows = [f"{text}\t{number % 2}" for number, text in enumerate(texts)]
    path.write_text("\n".join(["sentence\tlabel", *rows]) + "\n", encoding="utf-8")
    return read_table(path)


def texts(side):
    return [record["text"] for record in side.records]


class TestHoldOut:
    def test_every_row_is_on_one_side_in_order(self, tmp_path):
        whole = table(tmp_path, [f"text {n}" for n in range(1000)])
        train, held = hold_out(whole, 0.1)
        # Four standard deviations around the mean of 100.
        assert 62 <= len(held.records) <= 138
        merged = zip(train.lines + held.lines, train.records + held.records)
        assert [record for _, record in sorted(merged, key=lambda x: x[0])] == (
            whole.records
        )
        assert held.lines == sorted(held.lines)
        assert held.where(0) == f"{whole.path}, line {held.lines[0]}"
        assert f"{len(held.records)} rows held out" in held.description

    def test_a_text_stays_on_its_side(self, tmp_path):
        old = [f"text {n}" for n in range(100)]
        _, before = hold_out(table(tmp_path, old), 0.2)
        more = [f"other {n}" for n in range(50)] + old[::-1] + old
        train, after = hold_out(table(tmp_path, more), 0.2)
        assert not set(texts(train)) & set(texts(after))
        assert sorted(t for t in texts(after) if t in old) == sorted(2 * texts(before))

    def test_a_larger_fraction_contains_the_smaller(self, tmp_path):
        whole = table(tmp_path, [f"text {n}" for n in range(200)])
        small, large = (set(texts(hold_out(whole, x)[1])) for x in (0.1, 0.5))
        assert small < large

    def test_both_texts_of_a_pair_decide(self, tmp_path):
        path = tmp_path / "pairs.jsonl"
        lines = (
            f'{{"text": "same", "text_pair": "other {n}", "label": "{n % 2}"}}'
            for n in range(100)
        )
        path.write_text("\n".join(lines), encoding="utf-8")
        train, held = hold_out(read_table(path), 0.5)
        assert train.records and held.records

    def test_the_questions_of_an_article_stay_together(self, tmp_path):
        path = tmp_path / "squad.json"
        articles = [
            {
                "title": f"title {n % 40}",
                "paragraphs": [
                    {
                        "context": f"context {n}",
                        "qas": [
                            {
                                "question": f"question {n}",
                                "answers": [{"text": "context", "answer_start": 0}],
                            }
                        ],
                    }
                ],
            }
            for n in range(120)
        ]
        path.write_text(json.dumps({"data": articles}))
        train, held = hold_out(read_questions(path), 0.3)
        titles = [{r["title"] for r in side.records} for side in (train, held)]
        assert all(titles) and not titles[0] & titles[1]
        for article in articles:
            del article["title"]
        path.write_text(json.dumps({"data": articles}))
        train, held = hold_out(read_questions(path), 0.3)
        assert {r["context"] for r in held.records} - {
            r["context"] for r in train.records
        }

    @pytest.mark.parametrize(
        "fraction, purpose", [(1e-9, "evaluate on"), (1 - 1e-9, "train on")]
    )
    def test_an_empty_side(self, tmp_path, fraction, purpose):
        whole = table(tmp_path, ["a", "b"])
        with pytest.raises(ValueError, match=f"2 rows leaves none to {purpose}"):
            hold_out(whole, fraction)
