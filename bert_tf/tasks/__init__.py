"""What a record means: features, losses, answers and scores of each task.

A task is one file here and one line in `TASKS`. It has

    name, architecture      its flag value; the transformers class with the same head
    metric                  the score that says which of two models is better
    learn(tokenizer, table, max_seq_length)     a new task from its training data
    restore(tokenizer, config, settings)        the task that a model folder remembers
    describe()              keys of config.json that carry what it learnt (its labels)
    columns(table)          records -> {name: array [N, …]}, checked; for the pipeline
    features(columns)       the same of a few examples -> ragged pieces; in the graph
    build(backbone)         the model
    weights(rows)           {term: float [items]}, from the rows alone
    losses(rows, outputs)   {term: float [items]}
    predict(outputs)        answers for people and programs, one a record
    score(columns, outputs) {name: value}
    hits(columns, outputs)  where `metric` is a mean over examples: float [N], its parts

Weights stand apart from losses, because the step must know their sum over all replicas
and micro-batches before it computes the first output.
"""

from bert_tf.tasks.classification import Classification

TASKS = {task.name: task for task in (Classification,)}
