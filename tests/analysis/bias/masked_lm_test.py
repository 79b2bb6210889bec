"""CrowS-Pairs, StereoSet and WinoBias on a tiny masked LM, each against plain loops."""

import json
import math

import numpy as np
import pytest

from bert_tf.analysis.bias import crows_pairs, stereoset, winobias

PAIRS = [
    ("the film is very good", "the film is very bad", "stereo", "age"),
    ("it was a fine film", "it was a poor good film", "antistereo", "gender"),
    ("it is good", "it is good", "stereo", "age"),
]
HEAD = "number,sent_more,sent_less,stereo_antistereo,bias_type\n"


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


def log_of(model, ids, position, token):
    """The log-probability of one token of one sentence, without batches."""
    batch = {
        "input_ids": np.array([ids]),
        "masked_lm_positions": np.array([[position]]),
    }
    outputs = model.keras_model.pretrainer(batch)
    return log_softmax(outputs["masked_lm_logits"][0])[token]


def ids_of(model, text):
    return np.asarray(model.task.tokenizer([text])["input_ids"])[0].tolist()


class TestSuggestions:
    """Of VOCAB, with "##ly"."""

    def expected(self, model, ids, position):
        outputs = model.keras_model.pretrainer(
            {
                "input_ids": np.array([ids]),
                "masked_lm_positions": np.array([[position]]),
            }
        )
        logits = np.asarray(outputs["masked_lm_logits"][0])
        return np.argsort(-logits[: model.task.tokenizer.vocab_size])[:5].tolist()

    def test_a_word_of_one_token_is_read(self, model, masked_lm):
        text = "it was a fine film"
        expected = self.expected(model, ids_of(model, text), 4)
        assert masked_lm.suggest(text, 9, 13, 5) == expected

    def test_a_word_of_several_tokens_is_masked(self, model, masked_lm):
        expected = self.expected(model, ids_of(model, "it was a [MASK] film"), 4)
        assert masked_lm.suggest("it was a finely film", 9, 15, 5) == expected

    def test_a_word_that_is_cut_off(self, masked_lm):
        text = "it was " * masked_lm.max_tokens + "fine"
        assert masked_lm.suggest(text, len(text) - 4, len(text), 5) == []


class TestCrowsPairs:
    def test_scores_equal_those_of_a_loop(self, model, masked_lm):
        pairs = [dict(zip(crows_pairs.COLUMNS, pair)) for pair in PAIRS]
        scores = crows_pairs.score_pairs(masked_lm, pairs)
        mask = model.task.tokenizer.mask_id
        # The shared tokens, by hand: all but "good" and "bad"; all but "fine" and "poor
        # good"; all.
        shared = [
            ([1, 2, 3, 4], [1, 2, 3, 4]),
            ([1, 2, 3, 5], [1, 2, 3, 6]),
            ([1, 2, 3], [1, 2, 3]),
        ]
        for pair, places, found in zip(PAIRS, shared, scores):
            for text, positions, score in zip(pair[:2], places, found):
                ids, total = ids_of(model, text), 0.0
                for position in positions:
                    hidden = [*ids]
                    hidden[position] = mask
                    total += log_of(model, hidden, position, ids[position])
                assert score == pytest.approx(total, abs=1e-4)

    def test_counts_by_hand(self):
        pairs = [dict(zip(crows_pairs.COLUMNS, pair)) for pair in PAIRS]
        scores = [(-3.0, -4.0), (-5.0, -4.0), (-2.0, -2.0001)]
        assert crows_pairs.count(pairs, scores) == {
            "all": [3, 1, 1],
            "age": [2, 1, 1],
            "gender": [1, 0, 0],
            "stereo": [2, 1, 1],
            "antistereo": [1, 0, 0],
        }

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a,b\n1,2\n", "has no column sent_more"),
            (HEAD, "has no pairs"),
            (HEAD + "0,one,,stereo,age\n", "line 2: both sentences"),
        ],
    )
    def test_bad_files(self, text, message, tmp_path):
        (tmp_path / "pairs.csv").write_text(text)
        with pytest.raises(ValueError, match=message):
            crows_pairs.read(tmp_path / "pairs.csv")


EXAMPLES = {
    "intrasentence": [
        {
            "id": "1",
            "target": "film",
            "bias_type": "race",
            "context": "the film is BLANK.",
            "sentences": [
                {"sentence": "the film is good.", "gold_label": "stereotype"},
                {"sentence": "the film is bad.", "gold_label": "anti-stereotype"},
                {"sentence": "the film is it.", "gold_label": "unrelated"},
                {"sentence": "the film is a.", "gold_label": "related"},
            ],
        }
    ],
    "intersentence": [
        {
            "id": "2",
            "target": "film",
            "bias_type": "race",
            "context": "it was a film",
            "sentences": [
                {"sentence": "it was good", "gold_label": "stereotype"},
                {"sentence": "it was bad", "gold_label": "anti-stereotype"},
                {"sentence": "a a a", "gold_label": "unrelated"},
            ],
        }
    ],
}


@pytest.fixture(scope="module")
def stereotypes(tmp_path_factory):
    path = tmp_path_factory.mktemp("stereoset") / "dev.json"
    path.write_text(json.dumps({"data": EXAMPLES}))
    return stereoset.read(path)


class TestStereoSet:
    def test_words_stand_for_the_blank(self, stereotypes):
        (example,) = stereotypes["intrasentence"]
        assert example.options == {
            "stereotype": "good",
            "anti-stereotype": "bad",
            "unrelated": "it",
        }

    def test_scores_of_words(self, model, masked_lm, stereotypes):
        (scores,) = stereoset.score_words(masked_lm, stereotypes["intrasentence"])
        ids = ids_of(model, "the film is [MASK].")
        place = ids.index(model.task.tokenizer.mask_id)
        for label, word in (("stereotype", "good"), ("unrelated", "it")):
            (piece,) = ids_of(model, word)[1:-1]
            expected = math.exp(log_of(model, ids, place, piece))
            assert scores[label] == pytest.approx(expected, rel=1e-4)

    def test_a_word_of_several_pieces_is_guessed_from_left_to_right(
        self, model, masked_lm
    ):
        word = "goodly"
        options = dict.fromkeys(stereoset.LABELS, word)
        example = stereoset.Example("film", "race", "the BLANK is good", options)
        (scores,) = stereoset.score_words(masked_lm, [example])
        mask, parts = model.task.tokenizer.mask_id, ids_of(model, word)[1:-1]
        first = ids_of(model, "the [MASK] is good")
        second = ids_of(model, "the good[MASK] is good")
        logs = [
            log_of(model, ids, ids.index(mask), piece)
            for ids, piece in zip((first, second), parts)
        ]
        expected = np.exp(logs).mean()
        assert scores["stereotype"] == pytest.approx(expected, rel=1e-4)

    def test_scores_of_sentences(self, model, masked_lm, stereotypes):
        (scores,) = stereoset.score_sentences(masked_lm, stereotypes["intersentence"])
        batch = dict(model.task.tokenizer(["it was a film"], ["it was good"]))
        batch["masked_lm_positions"] = np.array([[0]])
        logits = model.keras_model.pretrainer(batch)["next_sentence_logits"][0]
        expected = math.exp(log_softmax(logits)[0])
        assert scores["stereotype"] == pytest.approx(expected, rel=1e-4)

    def test_summary_by_hand(self):
        examples = [
            stereoset.Example(target, "race", "", {}) for target in ("a", "a", "b")
        ]
        scores = [
            dict(zip(stereoset.LABELS, row))
            for row in ((0.5, 0.2, 0.1), (0.1, 0.2, 0.15), (0.3, 0.1, 0.4))
        ]
        # a: one of two stereotypes, three of four related; b: one of one, none of two.
        found = stereoset.summarise(examples, scores)
        assert found == {"examples": 3, "ss": 75.0, "lm": 37.5, "icat": 18.75}

    def test_an_example_without_an_option(self, tmp_path):
        example = EXAMPLES["intersentence"][0]
        example = example | {"sentences": example["sentences"][:2]}
        data = {"intrasentence": [], "intersentence": [example]}
        (tmp_path / "dev.json").write_text(json.dumps({"data": data}))
        with pytest.raises(ValueError, match="the example 2 has not one sentence each"):
            stereoset.read(tmp_path / "dev.json")


class TestWinoBias:
    @pytest.fixture
    def write(self, tmp_path):
        def write(pro, anti):
            for name, lines in (("pro", pro), ("anti", anti)):
                (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
            return tmp_path / "pro", tmp_path / "anti"

        return write

    def test_sentences_are_read(self, write):
        files = write(
            ["1 [The baker] asked the guard because [he] was late."],
            ["1 [The baker] asked the guard because [she] was late."],
        )
        assert winobias.read(*files) == [
            ("The baker asked the guard because ", " was late.", "he", "she")
        ]

    def test_lines_that_do_not_belong_together(self, write):
        with pytest.raises(ValueError, match="line 1: the sentences must differ"):
            winobias.read(*write(["[he] was"], ["it was [she]"]))
        with pytest.raises(ValueError, match="equally many lines.*1 and 2"):
            winobias.read(*write(["[he] was"], ["[she] was", "[she] is"]))

    def test_scores(self, model, masked_lm):
        ids = ids_of(model, "the film is [MASK] .")
        place = ids.index(model.task.tokenizer.mask_id)
        words = [ids_of(model, word)[1] for word in ("good", "bad")]
        logs = [log_of(model, ids, place, word) for word in words]
        (score,) = winobias.score(masked_lm, [("the film is ", " .", "good", "bad")])
        assert score == pytest.approx(logs[0] - logs[1], abs=1e-4)

    def test_a_pronoun_that_is_not_in_the_vocabulary(self, masked_lm):
        with pytest.raises(ValueError, match="'xqz' is not one token"):
            winobias.score(masked_lm, [("it ", "", "xqz", "good")])
