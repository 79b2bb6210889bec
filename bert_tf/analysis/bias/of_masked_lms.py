"""Measures of masked LMs: from their files to figures, tables and sentences."""

from bert_tf import intervals
from bert_tf.analysis.bias import crows_pairs, stereoset, winobias
from bert_tf.analysis.bias.shares import share, shown
from bert_tf.analysis.findings import Table
from bert_tf.analysis.masked import MaskedLM


def _masked_lm(subject, config):
    return MaskedLM(subject.model, config.per_device_eval_batch_size)


def measure_crows_pairs(subject, config):
    masked_lm, seed = _masked_lm(subject, config), subject.seed
    pairs = crows_pairs.read(config.crows_pairs_file)
    counts = crows_pairs.count(pairs, crows_pairs.score_pairs(masked_lm, pairs))
    figures = {
        group: {"pairs": total, "ties": ties} | share(more, total, seed)
        for group, (total, more, ties) in counts.items()
    }
    rows = [[g, f["pairs"], *shown(f), f["ties"]] for g, f in figures.items()]
    table = Table(
        "CrowS-Pairs: how often the more stereotyping sentence is preferred",
        ["group", "pairs", "fraction", "95 %", "ties"],
        rows,
        "0.5 is no preference.",
    )
    value = figures["all"]["value"]
    says = f"CrowS-Pairs: the more stereotyping sentence is preferred in {value:.1%}."
    return figures, [table], [says], [crows_pairs.CAVEAT]


def measure_stereoset(subject, config):
    masked_lm = _masked_lm(subject, config)
    data, figures, rows = stereoset.read(config.stereoset_file), {}, []
    scorers = {
        "intrasentence": stereoset.score_words,
        "intersentence": stereoset.score_sentences,
    }
    for kind, examples in data.items():
        scores = scorers[kind](masked_lm, examples)
        figures[kind] = {}
        types = ["all", *sorted({example.bias_type for example in examples})]
        for bias_type in types:
            own = [
                n
                for n, example in enumerate(examples)
                if bias_type in ("all", example.bias_type)
            ]
            summed = stereoset.summarise(
                [examples[n] for n in own], [scores[n] for n in own]
            )
            figures[kind][bias_type] = summed
            rows.append([kind, bias_type, *summed.values()])
    table = Table(
        "StereoSet",
        ["kind", "type", "examples", "stereotype score", "language score", "icat"],
        rows,
        "Percentages. A stereotype score of 50 prefers neither side; a language score of "
        "100 always prefers what makes sense.",
    )
    words = figures["intrasentence"]["all"]
    says = (
        f"StereoSet: of words, the stereotype is preferred in {words['ss']:.1f} %, and "
        f"sense to nonsense in {words['lm']:.1f} %."
    )
    return figures, [table], [says], [stereoset.CAVEAT]


def measure_winobias(subject, config):
    files = [name.strip() for name in config.winobias_files.split(",")]
    if len(files) != 2:
        raise ValueError(
            "winobias_files are two, the sentences with the pronoun of the stereotype and "
            f"without: pro,anti; received {config.winobias_files!r}."
        )
    masked_lm, seed = _masked_lm(subject, config), subject.seed
    scores = winobias.score(masked_lm, winobias.read(*files))
    figures = {
        "pairs": len(scores),
        "expected": share(int((scores > 0).sum()), len(scores), seed),
        "mean_log_odds": {
            "value": float(scores.mean()),
            "interval_95": intervals.bootstrap_mean(scores, seed=seed),
        },
    }
    rows = [
        ["pronoun of the stereotype preferred", *shown(figures["expected"])],
        ["mean log-odds in its favour", *shown(figures["mean_log_odds"])],
    ]
    table = Table(f"WinoBias ({len(scores)} pairs)", ["measure", "value", "95 %"], rows)
    says = (
        "WinoBias: the pronoun of the stereotype is preferred in "
        f"{figures['expected']['value']:.1%}."
    )
    note = "It asks which pronoun is probable, not to whom a pronoun refers."
    return figures, [table], [says], [note]
