"""What the verbs' configurations have in common."""


def need(config, *names):
    for name in names:
        if not getattr(config, name):
            raise ValueError(f"{name} is missing: pass --{name}=… with a value.")


def columns_asked(config):
    """The columns asked for, None where they are to be guessed."""
    return {
        name: getattr(config, name) or None
        for name in ("text_column", "text_pair_column", "label_column")
    }
