"""The names of labels as config.json holds them; imports nothing, so tasks load quickly."""


def describe_labels(labels):
    """Returns the keys of config.json that hold the names of labels."""
    return {
        "id2label": {str(number): name for number, name in enumerate(labels)},
        "label2id": {name: number for number, name in enumerate(labels)},
    }
