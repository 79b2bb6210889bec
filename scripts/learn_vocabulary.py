"""The command `bert-tf learn-vocabulary`, from a checkout."""

from bert_tf.commands import main

if __name__ == "__main__":
    main("learn-vocabulary")
