"""Text files that a user may edit, line by line."""

from bert_tf.disk import check_file


def read_lines(path):
    """Returns the lines of a UTF-8 file, without their ends.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8.
    """
    check_file(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8."
        ) from None
