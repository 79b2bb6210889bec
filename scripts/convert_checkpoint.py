"""The command `bert-tf convert-checkpoint`, from a checkout."""

from bert_tf.commands import main

if __name__ == "__main__":
    main("convert-checkpoint")
