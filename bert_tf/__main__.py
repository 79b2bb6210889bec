"""`python -m bert_tf VERB`: the same as `bert-tf VERB`."""

from bert_tf.commands import main

if __name__ == "__main__":
    main()
