"""Finds the files of a corpus by globs, each once, and nothing that does not end."""

import glob
import os
import re

from bert_tf.ground import check_file


def find_files(globs):
    """Returns the files that a comma-separated list of globs matches, sorted and unique.

    A path that exists is taken as it stands, even if it has brackets. Folders that globs
    match are left out; `**` enters each folder once, also where links lead in a circle.

    Raises:
        OSError: a glob matches no file; or a path is a folder, a device or a pipe.
    """
    files = {}
    for pattern in filter(None, (part.strip() for part in globs.split(","))):
        if os.path.lexists(pattern):
            matching = [pattern]
        else:
            matching = [path for path in _expand(pattern) if not os.path.isdir(path)]
        if not matching:
            raise FileNotFoundError(f"{pattern}: no such file. Check the path.")
        for path in sorted(matching):
            if os.path.isdir(path):
                raise IsADirectoryError(
                    f"{path} is a folder; name its files, such as {path}/*."
                )
            files.setdefault(os.path.realpath(check_file(path)), path)
    return sorted(files.values())


def _expand(pattern):
    """Yields the paths that a pattern matches, as `glob.glob` would without circles."""
    before, *rest = re.split(r"(?:^|(?<=/))\*\*(?:/|$)", pattern, maxsplit=1)
    if not rest:
        yield from glob.glob(pattern)
        return
    for top in glob.glob(before) if before else [""]:
        for folder in _folders(top):
            inside = os.path.join(glob.escape(folder), rest[0] or "*")
            yield from _expand(inside)


def _folders(top):
    """Yields a folder and all folders below it, each once; hidden ones are left out."""
    seen = {os.path.realpath(top)}
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        yield folder
        for name in sorted(os.listdir(folder or ".")):
            path = os.path.join(folder, name)
            if name.startswith(".") or not os.path.isdir(path):
                continue
            if (real := os.path.realpath(path)) not in seen:
                seen.add(real)
                waiting.append(path)
