"""Columns: named, remembered or detected; a doubt is an error."""

import pytest

from bert_tf.data.records.readers import read_table

PAIR = {"text": "premise", "text_pair": "hypothesis", "label": "label"}
SINGLE = {"text": "review", "label": "stars"}


class TestColumns:
    @pytest.mark.parametrize(
        ("header", "chosen"),
        [
            ("id,Text,Label", {"text": "Text", "label": "Label"}),
            ("title,text,label", {"text": "text", "label": "label"}),
            (
                "index,question,sentence,label",
                {"text": "question", "text_pair": "sentence", "label": "label"},
            ),
            (
                "premise,hypothesis,gold_label",
                {"text": "premise", "text_pair": "hypothesis", "label": "gold_label"},
            ),
            ("question,topic", {"text": "question", "label": "topic"}),
            ("label,labels,tweet", {"text": "tweet", "label": "label"}),
        ],
    )
    def test_detected_from_the_header(self, write, header, chosen):
        row = ",".join("abcd"[: header.count(",") + 1])
        table = read_table(write("a.csv", f"{header}\n{row}\n"))
        assert table.columns == chosen
        for role, name in chosen.items():
            assert table.records[0][role] == "abcd"[header.split(",").index(name)]

    def test_doubt_is_an_error_that_lists_the_columns(self, write, refusal):
        path = write("a.csv", "title,body,label\na,b,1\n")
        assert refusal(read_table, path) == (
            "a.csv: which column is the text? There are 'title', 'body', 'label'. "
            "Give text_column, one of these names."
        )
        assert read_table(path, text_column="body").records[0]["text"] == "b"

    @pytest.mark.parametrize(
        "header",
        [
            "question,sentence,answer,label",  # Two pairs.
            "sentence1,sentence2,review,label",  # A pair and another text.
            "text,hypothesis,label",  # Half a pair beside the text.
            "question,passage,label",  # Halves of two pairs.
        ],
    )
    def test_an_ambiguous_header_is_an_error(self, write, refusal, header):
        path = write("a.csv", f"{header}\n{header.replace('label', '1').upper()}\n")
        assert "which column is the text?" in refusal(read_table, path)
        table = read_table(path, text_column=0, text_pair_column=1)
        assert table.columns["text_pair"] == header.split(",")[1]

    def test_two_labels_are_a_doubt(self, write, refusal):
        path = write("a.csv", "text,topic,sentiment\na,b,c\n")
        assert "which column is the label?" in refusal(read_table, path)

    def test_text_alone_means_no_pairs(self, write):
        path = write("a.csv", "premise,hypothesis,label\na,b,1\n")
        table = read_table(path, text_column="hypothesis")
        assert table.records == [{"text": "b", "label": "1"}]

    def test_positions_count_from_0(self, write):
        path = write("a.tsv", "gj04\t1\t\tIt works.\nbc01\t0\t*\tWorks it.\n")
        table = read_table(path, text_column="3", label_column=1)
        assert table.records[1] == {"text": "Works it.", "label": "0"}
        assert table.columns == {"text": 3, "label": 1}
        assert table.lines == [1, 2]
        assert read_table(path, columns=table.columns).records == table.records
        assert "text = column 3 ('It works.'), label = column 1" in table.description

    def test_a_given_name_makes_a_header(self, write):
        path = write("a.csv", "Satz,Klasse\na,1\n")
        table = read_table(path, text_column="Satz", label_column=1)
        assert table.records == [{"text": "a", "label": "1"}]
        assert table.columns == {"text": "Satz", "label": "Klasse"}

    def test_a_label_is_not_a_header(self, write):
        path = write("a.tsv", "question\tWho?\ntopic\tIt.\nquestion\tWhen?\n")
        table = read_table(path, text_column=1, label_column=0)
        assert table.records[0] == {"text": "Who?", "label": "question"}

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.csv", "text,label\na,1\n"),
            ("a.tsv", "text\tlabel\na\t1\n"),
            ("a.jsonl", '{"text": "a", "label": "1"}\n'),
        ],
    )
    def test_a_named_column_must_exist(self, write, refusal, name, content):
        path = write(name, content)
        for columns in (None, SINGLE):
            message = refusal(read_table, path, text_column="review", columns=columns)
            assert (
                "no column 'review' for the text; there are 'text', 'label'." in message
            )
        message = refusal(read_table, path, label_column="stars")
        assert "no column 'stars' for the label; there are 'text', 'label'." in message
        message = refusal(read_table, path, text_column="txt")
        assert message.endswith("Did you mean 'text'?")

    def test_fields_of_json_have_no_position(self, write, refusal):
        path = write("a.jsonl", '{"text": "a", "label": "1"}')
        message = refusal(read_table, path, text_column=0)
        assert "no column 0 for the text; there are 'text', 'label'." in message

    @pytest.mark.parametrize(
        ("content", "options", "words"),
        [
            (
                "Satz,Klasse\na,1\n",
                {"text_column": "nope", "label_column": "Klasse"},
                ["no column 'nope' for the text", "'Satz', 'Klasse'", "text_column"],
            ),
            (
                "a,1\n",
                {"text_column": 2, "label_column": 1},
                ["no column 2 for the text", "'a', '1'"],
            ),
            ("text,text,label\na,b,1\n", {}, ["2 columns", "'text'"]),
            (
                "text,label\na,1\n",
                {"text_column": "label"},
                ["which column is the label?", "'text', 'label'"],
            ),
            (
                "text,label\na,1\n",
                {"text_column": "text", "label_column": "text"},
                ["text, label cannot share a column"],
            ),
            ("only texts\nhere\n", {}, ["1 column", "text and label"]),
        ],
    )
    def test_messages_say_what_is_wrong_and_what_to_do(
        self, write, refusal, content, options, words
    ):
        message = refusal(read_table, write("a.csv", content), **options)
        assert message.startswith("a.csv: ")
        assert all(word in message for word in words), message


class TestRemembered:
    def test_remembered_names_come_first(self, write):
        path = write("a.csv", "text,review,stars,label\na,b,1,2\n")
        table = read_table(path, columns=SINGLE)
        assert table.records == [{"text": "b", "label": "1"}]
        path = write("b.csv", "text,label\na,2\n")
        assert read_table(path, columns=SINGLE).columns == {
            "text": "text",
            "label": "label",
        }

    def test_remembered_columns_decide_whether_texts_are_pairs(self, write, refusal):
        path = write("a.csv", "sentence1,sentence2\na,b\n")
        table = read_table(path, with_labels=False, columns=PAIR)
        assert table.records == [{"text": "a", "text_pair": "b"}]
        assert "which column is the text?" in refusal(
            read_table, path, with_labels=False, columns=SINGLE
        )

    def test_names_of_the_roles_come_next(self, write):
        path = write("a.jsonl", '{"question": "a", "text": "b", "label": "x"}')
        assert read_table(path, columns=SINGLE).records == [{"text": "b", "label": "x"}]
        path = write("b.jsonl", '{"hypothesis": "a", "text": "b", "title": "c"}')
        table = read_table(path, with_labels=False, columns=PAIR)
        assert table.records == [{"text": "b", "text_pair": "a"}]

    def test_detection_comes_last(self, write, refusal):
        path = write("a.csv", "question1,question2,title\na,b,c\n")
        table = read_table(path, with_labels=False, columns=PAIR)
        assert table.columns == {"text": "question1", "text_pair": "question2"}
        path = write("b.csv", "title,question1\na,b\n")
        message = refusal(read_table, path, with_labels=False, columns=PAIR)
        assert "which column is the text?" in message

    def test_remembered_positions_apply_to_files_of_the_same_shape(self, write):
        remembered = {"text": 2, "text_pair": 1, "label": 0}
        path = write("a.tsv", "1\ta\tb\n0\tc\td\n")
        table = read_table(path, with_labels=False, columns=remembered)
        assert table.records[1] == {"text": "d", "text_pair": "c"}
        # A file without the label has only the text and its pair.
        path = write("b.tsv", "a\tb\n")
        remembered = {"text": 1, "text_pair": 2, "label": 0}
        table = read_table(path, with_labels=False, columns=remembered)
        assert table.records == [{"text": "a", "text_pair": "b"}]
