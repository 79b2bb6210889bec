"""Well-known files are detected and described; columns named by the user come first."""

import pathlib

import pytest

from bert_tf.data.records.readers import read_table

DATA = pathlib.Path(__file__).parents[4] / "shared" / "data"

COLA = "gj04\t1\t\tThe sailors rode.\ncj99\t0\t?*\tAs you eat the most.\n"
STSB = (
    'main-captions\tMSRvid\t2012test\t0001\t5.000\tA "plane.\tAn air plane.\n'
    "main-news\theadlines\t2016\t12\t0\tPutin.\tTexas.\thttp://a\thttp://b\n"
)
TREC = "DESC:manner How did serfdom develop ?\nHUM:ind Who is Zoë ?\n"
SMS = "ham\tOk lar...\nspam\tFree, now!\n"
NLI = "entailment\tIn Temple Bar ,\tThere is one .\nneutral\tImpossible .\tYes .\n"
AG = '"3","Fears, all","Unions say ""no""."\n"1","Space","SPACE.com - TORONTO"\n'

# File name, content, description of the layout, columns, records.
CASES = {
    "CoLA": (
        "train.tsv",
        COLA,
        "CoLA's layout: source, label, mark, sentence; ",
        {"text": "sentence", "label": "label"},
        [("The sailors rode.", "1"), ("As you eat the most.", "0")],
    ),
    "STS-B": (
        "sts-train.csv",
        STSB,
        "STS-B's layout: genre, filename, year, old_index, score, sentence1, ",
        {"text": "sentence1", "text_pair": "sentence2", "label": "score"},
        [('A "plane.', "An air plane.", "5.000"), ("Putin.", "Texas.", "0")],
    ),
    "TREC": (
        "train_5500.label",
        TREC,
        "TREC's layout: fine, coarse, question; ",
        {"text": "question", "label": "coarse"},
        [("How did serfdom develop ?", "DESC"), ("Who is Zoë ?", "HUM")],
    ),
    "SMS": (
        "SMSSpamCollection",
        SMS,
        "SMS Spam Collection's layout: label, text; ",
        {"text": "text", "label": "label"},
        [("Ok lar...", "ham"), ("Free, now!", "spam")],
    ),
    "NLI": (
        "mnli.tsv",
        NLI,
        "NLI's layout: label, premise, hypothesis; ",
        {"text": "premise", "text_pair": "hypothesis", "label": "label"},
        [
            ("In Temple Bar ,", "There is one .", "entailment"),
            ("Impossible .", "Yes .", "neutral"),
        ],
    ),
    "AG News": (
        "train.csv",
        AG,
        "AG News's layout: class, title, description, text; ",
        {"text": "text", "label": "class"},
        [
            ('Fears, all Unions say "no".', "3"),
            ("Space SPACE.com - TORONTO", "1"),
        ],
    ),
}


def values(table):
    return [tuple(record.values()) for record in table.records]


class TestWithoutHeader:
    @pytest.mark.parametrize("case", CASES)
    def test_is_detected_and_described(self, write, case):
        name, content, description, columns, records = CASES[case]
        table = read_table(write(name, content))
        assert table.description.startswith(f"{name}: {description}")
        assert table.description.endswith("; 2 rows")
        assert table.columns == columns
        assert values(table) == records
        assert table.lines == [1, 2]

    @pytest.mark.parametrize("case", CASES)
    def test_is_detected_for_prediction(self, write, case):
        name, content, _, columns, records = CASES[case]
        table = read_table(write(name, content), with_labels=False, columns=columns)
        assert values(table) == [record[:-1] for record in records]

    def test_windows_lines_and_blank_ones(self, write):
        path = write("a.tsv", "\n" + COLA.replace("\n", "\r\n") + "\n")
        table = read_table(path)
        assert values(table) == CASES["CoLA"][-1]
        assert table.lines == [2, 3]

    @pytest.mark.parametrize(
        ("content", "line"),
        [
            (COLA, "gj04\t2\t\tThree kinds.\n"),
            (COLA, "gj04\t1\tnote\tA mark in words.\n"),
            (COLA, "gj04\t1\t\tA fifth\tcell.\n"),
            (STSB, "main-news\theadlines\t2016\t12\t5.5\tOver.\tFive.\n"),
            (STSB, "main-news\theadlines\t2016\t12\t5\tAlone.\n"),
            (TREC, "FOOD:other What is pie ?\n"),
            (SMS, "eggs\tNo spam.\n"),
            (SMS, "ham\tA third\tcell.\n"),
            (NLI, "perhaps\tA .\tB .\n"),
            (AG, '"5","A fifth","class"\n'),
            (AG, '"1","Two cells"\n'),
        ],
    )
    def test_is_not_detected_if_one_line_differs(self, write, refusal, content, line):
        message = refusal(read_table, write("a.txt", content + line))
        assert message.startswith("a.txt")
        assert "layout" not in message

    def test_columns_named_by_position_take_precedence(self, write):
        table = read_table(write("a.tsv", SMS), text_column=0, label_column=1)
        assert values(table)[0] == ("ham", "Ok lar...")
        assert table.columns == {"text": 0, "label": 1}
        assert "layout" not in table.description

    def test_columns_named_by_the_user_are_those_of_the_layout(self, write, refusal):
        path = write("a.label", TREC)
        fine = read_table(path, label_column="fine")
        assert values(fine)[0] == ("How did serfdom develop ?", "DESC:manner")
        assert fine.columns == {"text": "question", "label": "fine"}
        # The columns of training apply to evaluation.
        assert values(read_table(path, columns=fine.columns)) == values(fine)
        path = write("a.csv", AG)
        table = read_table(path, text_column="title")
        assert values(table) == [("Fears, all", "3"), ("Space", "1")]
        path = write("b.csv", STSB)
        table = read_table(path, text_column="sentence2")
        assert values(table)[1] == ("Texas.", "0")
        assert "no column 'phrase'" in refusal(read_table, path, text_column="phrase")

    def test_remembered_names_that_the_layout_lacks_are_ignored(self, write):
        remembered = {"text": "review", "label": "stars"}
        table = read_table(write("a.tsv", COLA), columns=remembered)
        assert values(table) == CASES["CoLA"][-1]

    def test_a_model_of_single_texts_reads_no_pairs(self, write, refusal):
        remembered = {"text": "sentence", "label": "label"}
        for content in (NLI, STSB):
            path = write("a.tsv", content)
            assert "layout" not in refusal(read_table, path, columns=remembered)
        remembered = CASES["NLI"][3]
        path = write("b.tsv", SMS)
        assert "text_pair" in refusal(read_table, path, columns=remembered)

    def test_the_error_for_an_empty_text_names_its_line(self, write, refusal):
        message = refusal(read_table, write("a.tsv", COLA + "gj04\t1\t\t\n"))
        assert "a.tsv, line 3: the text ('sentence') is empty." in message


class TestHeaders:
    @pytest.mark.parametrize(
        ("header", "data_set", "columns"),
        [
            ("sentence\tlabel", "SST-2", ("sentence", None, "label")),
            (
                "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
                "MRPC",
                ("#1 String", "#2 String", "Quality"),
            ),
            (
                "index\tsentence1\tsentence2\tlabel",
                "RTE and WNLI",
                ("sentence1", "sentence2", "label"),
            ),
            (
                "index\tquestion\tsentence\tlabel",
                "QNLI",
                ("question", "sentence", "label"),
            ),
            (
                "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
                "QQP",
                ("question1", "question2", "is_duplicate"),
            ),
            (
                (
                    "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\t"
                    "sentence2\tscore"
                ),
                "STS-B",
                ("sentence1", "sentence2", "score"),
            ),
            (
                (
                    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\t"
                    "sentence2_binary_parse\tsentence1_parse\tsentence2_parse\tsentence1\t"
                    "sentence2\tlabel1\tgold_label"
                ),
                "MNLI",
                ("sentence1", "sentence2", "gold_label"),
            ),
            (
                (
                    "gold_label\tsentence1_binary_parse\tsentence2_binary_parse\t"
                    "sentence1_parse\tsentence2_parse\tsentence1\tsentence2\tcaptionID\t"
                    "pairID\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5"
                ),
                "SNLI",
                ("sentence1", "sentence2", "gold_label"),
            ),
            ("label\ttext_a", "ChnSentiCorp", ("text_a", None, "label")),
            ("text_a\ttext_b\tlabel", "Chinese XNLI", ("text_a", "text_b", "label")),
        ],
    )
    def test_is_detected_and_described(self, write, header, data_set, columns):
        cells = [f"{name} 7" for name in header.split("\t")]
        path = write("a.tsv", f"{header}\n" + "\t".join(cells) + "\n")
        table = read_table(path)
        assert table.description.startswith(
            f"a.tsv: {data_set}'s layout: TSV, header; "
        )
        roles = dict(zip(("text", "text_pair", "label"), columns))
        chosen = {role: name for role, name in roles.items() if name}
        assert table.columns == chosen
        assert table.records == [{r: f"{name} 7" for r, name in chosen.items()}]

    def test_quotes_are_plain_characters(self, write):
        header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
        path = write("a.txt", "\ufeff" + header + '1\t7\t8\t"Yes\tNo", he said.\n')
        assert values(read_table(path)) == [('"Yes', 'No", he said.', "1")]

    def test_score_is_a_label_only_in_this_layout(self, write, refusal):
        path = write("a.tsv", "sentence1\tsentence2\tscore\na\tb\t1\n")
        assert "which column is the label?" in refusal(read_table, path)

    def test_rows_without_a_gold_label_are_skipped_and_counted(self, write, refusal):
        rows = "gold_label\tsentence1\tsentence2\nneutral\ta\tb\n-\tc\td\n-\te\tf\n"
        table = read_table(write("a.tsv", rows + "entailment\tg\th\n"))
        assert values(table) == [("a", "b", "neutral"), ("g", "h", "entailment")]
        assert table.lines == [2, 5]
        assert table.description.endswith("; 2 rows; 2 rows without a label skipped")
        lines = '{"gold_label": "-", "text": "a"}\n{"gold_label": "x", "text": "b"}\n'
        assert values(read_table(write("a.jsonl", lines))) == [("b", "x")]
        # For prediction, no row is skipped. In other columns, "-" is an ordinary label.
        assert len(read_table("a.tsv", with_labels=False).records) == 4
        table = read_table(write("b.tsv", "label\ttext\n-\ta\n+\tb\n"))
        assert values(table) == [("a", "-"), ("b", "+")]
        message = refusal(read_table, write("c.tsv", "gold_label\ttext\n-\ta\n"))
        assert "c.tsv: no row has a label ('gold_label' is always '-')." in message

    def test_short_rows_of_qqp_are_skipped_and_counted(self, write, refusal):
        header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
        rows = "1\t2\t3\ta\tb\t0\n4\t5\t6\tc\n7\t8\t9\td\te\t1\n"
        table = read_table(write("a.tsv", header + rows))
        assert values(table) == [("a", "b", "0"), ("d", "e", "1")]
        assert table.lines == [2, 4]
        assert "QQP's layout: TSV, header, 1 row cut short and skipped" in (
            table.description
        )
        header = "index\tsentence1\tsentence2\tlabel\n"
        message = refusal(read_table, write("b.tsv", header + "1\ta\tb\n"))
        assert "b.tsv, line 2: 3 fields where the header has 4" in message


class TestLatin1:
    def test_trec_is_decoded_and_described(self, write):
        table = read_table(write("train_5500.label", TREC.encode("latin-1")))
        assert values(table) == CASES["TREC"][-1]
        assert "question, decoded as Latin-1; text" in table.description

    def test_any_other_file_is_refused(self, write, refusal):
        for content in (SMS + "ham\tcaf\xe9\n", TREC + "caf\xe9\n"):
            message = refusal(read_table, write("a.label", content.encode("latin-1")))
            assert "is not UTF-8" in message


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
class TestRealFiles:
    @pytest.mark.parametrize(
        ("name", "data_set", "rows", "labels"),
        [
            ("sst2/dev.tsv", "SST-2", 872, 2),
            ("cola/train.tsv", "CoLA", 8_551, 2),
            ("cola/dev.tsv", "CoLA", 522, 2),
            ("mrpc/msr_paraphrase_train.txt", "MRPC", 4_076, 2),
            ("rte/train.tsv", "RTE and WNLI", 2_090, 2),
            ("stsb/sts-train.csv", "STS-B", 5_749, 205),
            ("stsb/sts-dev.csv", "STS-B", 1_500, 161),
            ("qnli/dev_part.tsv", "QNLI", 4_463, 2),
            ("snli/dev.tsv", "SNLI", 9_842, 3),
            ("mnli_sample/mnli_matched.tsv", "NLI", 1_000, 3),
            ("xnli_zh/dev.tsv", "Chinese XNLI", 2_490, 3),
            ("trec/train_5500.label", "TREC", 5_452, 6),
            ("sms_spam/SMSSpamCollection", "SMS Spam Collection", 4_490, 2),
            ("ag_news/train.csv", "AG News", 6_000, 4),
            ("chnsenticorp/train.tsv", "ChnSentiCorp", 9_600, 2),
        ],
    )
    def test_are_detected_and_read_completely(self, name, data_set, rows, labels):
        table = read_table(DATA / name)
        assert f": {data_set}'s layout: " in table.description
        assert len(table.records) == rows
        assert len({record["label"] for record in table.records}) == labels

    def test_trec_as_published_is_latin1(self, write):
        text = (DATA / "trec/train_5500.label").read_text(encoding="utf-8")
        encoded = text.encode("latin-1")
        with pytest.raises(UnicodeDecodeError):
            encoded.decode()
        table = read_table(write("train_5500.label", encoded))
        assert table.records == read_table(DATA / "trec/train_5500.label").records
        fine = read_table(DATA / "trec/train_5500.label", label_column="fine")
        assert len({record["label"] for record in fine.records}) == 50
