"""The command `bert-tf create-pretraining-data`, from a checkout."""

from bert_tf.commands import main

if __name__ == "__main__":
    main("create-pretraining-data")
