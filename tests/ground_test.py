from bert_tf.ground import count, did_you_mean, quote, quote_all


def test_long_values_are_cut_and_stay_on_one_line():
    assert quote("a\nb") == r"'a\nb'"
    assert quote("abcdef", 4) == "'abc…'"


def test_long_lists_are_counted():
    assert quote_all("abc", most=3) == "'a', 'b', 'c'"
    assert quote_all("abc", most=2) == "'a', 'b', … (3 in all)"
    assert quote_all([]) == "none"


def test_one_is_not_a_plural():
    assert [count(n, "row") for n in (0, 1, 67_349)] == [
        "0 rows",
        "1 row",
        "67,349 rows",
    ]


def test_close_names_are_proposed():
    assert did_you_mean("trian", ["dev", "train"], "No.") == "Did you mean 'train'?"
    assert did_you_mean("trian", ["dev"], "No.") == "No."
