"""Makes lists to train and test rerankers on, and a folder to score searches, from SQuAD.

    python benchmarks/retrieval_data.py --train_file=train-v1.1.json \
        --eval_file=dev-v1.1.json --results=FOLDER

A question's relevant text is the paragraph that it was asked about. The files are

* train.jsonl: for each question of --train_file its paragraph and 7 others of the file: 4
  of the 20 that BM25 finds first, 2 of the next 80, and 1 of all. Those that contain an
  answer of the question are left out;
* test.jsonl: for each of --questions questions of --eval_file its paragraph and 29 others of
  the file: the 10 that BM25 finds first, 10 more of the same article, and 9 of other
  articles; dev.jsonl: the same for as many other questions, to choose settings by;
* search and search_dev: folders in BEIR's layout with the same questions and all paragraphs
  of --eval_file.

Draws are without replacement and have fixed seeds. No paragraph of --eval_file may occur in
--train_file.
"""

import json
import pathlib
import random

import launch
from absl import app, flags

from bert_tf.retrieval.words import Words

HARD, NEXT, ANY = 4, 2, 1  # Negatives of a training question.
BY_WORDS, OF_ARTICLE, OF_OTHERS = 10, 10, 9  # Other paragraphs in a test list.
SEED = 1

if __name__ == "__main__":
    flags.DEFINE_string("results", None, "Folder for the files.", required=True)
flags.DEFINE_integer("questions", 500, "Questions of eval_file, drawn at random.")


def read_squad(path):
    """Returns the paragraphs, dicts of `article` and `text`, and the questions of a file.

    A question is a dict of `text`, `answers`, a list of texts, and `place`, the number of
    its paragraph. Paragraphs that occur twice are one.
    """
    data = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["data"]
    places, paragraphs, questions = {}, [], []
    for article in data:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            if text not in places:
                places[text] = len(paragraphs)
                paragraphs.append({"article": article["title"], "text": text})
            for question in paragraph["qas"]:
                answers = [answer["text"] for answer in question["answers"]]
                questions.append(
                    {
                        "text": question["question"].strip(),
                        "answers": answers,
                        "place": places[text],
                    }
                )
    return paragraphs, questions


def draw_training_lists(paragraphs, questions):
    """Yields {"query", "positive", "negatives"} for each question."""
    words = Words([paragraph["text"] for paragraph in paragraphs])
    draw = random.Random(SEED)
    for question in questions:
        answers = [answer.lower() for answer in question["answers"]]

        def fits(place, own=question["place"], answers=answers):
            text = paragraphs[place]["text"].lower()
            return place != own and not any(answer in text for answer in answers)

        found, _ = words.find(question["text"], 200)
        found = [place for place in found if fits(place)]
        negatives = draw.sample(found[:20], min(HARD, len(found[:20])))
        negatives += draw.sample(found[20:100], min(NEXT, len(found[20:100])))
        while len(negatives) < HARD + NEXT + ANY:
            place = draw.randrange(len(paragraphs))
            if place not in negatives and fits(place):
                negatives.append(place)
        yield {
            "query": question["text"],
            "positive": paragraphs[question["place"]]["text"],
            "negatives": [paragraphs[place]["text"] for place in negatives],
        }


def draw_test_lists(paragraphs, questions):
    """Yields {"query", "passages", "labels"} for each question, in random order."""
    words = Words([paragraph["text"] for paragraph in paragraphs])
    draw = random.Random(SEED)
    for question in questions:
        own = question["place"]
        article = paragraphs[own]["article"]
        found, _ = words.find(question["text"], BY_WORDS + 1)
        chosen = [own, *[place for place in found if place != own][:BY_WORDS]]
        rest = [place for place in range(len(paragraphs)) if place not in chosen]
        same = [place for place in rest if paragraphs[place]["article"] == article]
        chosen += draw.sample(same, min(OF_ARTICLE, len(same)))
        others = [place for place in rest if paragraphs[place]["article"] != article]
        length = 1 + BY_WORDS + OF_ARTICLE + OF_OTHERS
        chosen += draw.sample(others, length - len(chosen))
        draw.shuffle(chosen)
        yield {
            "query": question["text"],
            "passages": [paragraphs[place]["text"] for place in chosen],
            "labels": [int(place == own) for place in chosen],
        }


def write_beir(folder, paragraphs, questions):
    """Writes corpus.jsonl, queries.jsonl and qrels/test.tsv."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    corpus = [{"_id": f"p{n}", "text": x["text"]} for n, x in enumerate(paragraphs)]
    queries = [{"_id": f"q{n}", "text": x["text"]} for n, x in enumerate(questions)]
    launch.write_table(folder / "corpus.jsonl", corpus)
    launch.write_table(folder / "queries.jsonl", queries)
    rows = [f"q{n}\tp{question['place']}\t1" for n, question in enumerate(questions)]
    lines = ["query-id\tcorpus-id\tscore", *rows]
    (folder / "qrels/test.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def build(folder):
    """Writes all files into a folder, and prints what they hold.

    Raises:
        ValueError: a paragraph is in both files.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paragraphs, questions = read_squad(flags.FLAGS.train_file)
    tested, asked = read_squad(flags.FLAGS.eval_file)
    known = {paragraph["text"] for paragraph in paragraphs}
    if shared := [x["text"] for x in tested if x["text"] in known]:
        raise ValueError(
            f"{len(shared)} paragraphs are in both files, such as {shared[0][:60]!r}; "
            "scores would be too high."
        )
    size = min(flags.FLAGS.questions, len(asked) // 2)
    sample = random.Random(SEED).sample(asked, 2 * size)
    launch.write_table(
        folder / "train.jsonl", draw_training_lists(paragraphs, questions)
    )
    for name, search, own in (
        ("dev", "search_dev", sample[:size]),
        ("test", "search", sample[size:]),
    ):
        launch.write_table(folder / f"{name}.jsonl", draw_test_lists(tested, own))
        write_beir(folder / search, tested, own)
    print(
        f"{len(questions):,} training questions on {len(paragraphs):,} paragraphs; "
        f"{size:,} dev and as many test questions on {len(tested):,}"
    )


def main(_):
    build(flags.FLAGS.results)


if __name__ == "__main__":
    app.run(main)
