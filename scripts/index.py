"""The command `bert-tf index`, from a checkout."""

from bert_tf.commands import main

if __name__ == "__main__":
    main("index")
