"""A task that changes some of another."""


class TaskWrapper:
    """Has all attributes of a task but those that a subclass defines.

    Args:
        task: `Task`.
    """

    def __init__(self, task):
        self.task = task

    def __getattr__(self, name):
        if name == "task":  # Of an object that is being copied.
            raise AttributeError(name)
        return getattr(self.task, name)
