"""scripts/flags.py: flags from dataclasses, and how a script starts and ends."""

import dataclasses
import importlib
import logging
import os
import pathlib
import sys

import pytest

from bert_tf.training.loop import Stopped


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What to bake: # not a field."""

    bread_flour: str = "rye"  # What is ground.
    bread_grams: int = 500  # Of it; 0 # none.
    bread_salt: float = 0.02  # Share.
    bread_with_a_very_long_name_that_is_wrapped_by_the_formatter: bool = True  # Crust.

    def __post_init__(self):
        if self.bread_grams < 0:
            raise ValueError(f"bread_grams must be at least 0: {self.bread_grams}.")


@pytest.fixture(scope="module")
def flags():
    """The module, with the flags of Recipe defined."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(pathlib.Path(__file__).parents[1] / "scripts"))
        module = importlib.import_module("flags")
        patch.setattr(sys, "argv", ["bake.py"])
        module.define(Recipe, bread_grams=700)
    return module


@pytest.fixture
def run(flags, monkeypatch):
    """Runs a script's main with arguments; returns its exit status."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], logging.getLogger("bert_tf").level

    def run(main, *arguments, **options):
        monkeypatch.setattr(sys, "argv", ["bake.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            flags.start(main, **options)
        return ended.value.code or 0

    yield run
    root.handlers[:] = handlers
    logging.getLogger("bert_tf").setLevel(level)
    for name in (field.name for field in dataclasses.fields(Recipe)):
        flags.FLAGS[name].unparse()


def fail(error):
    def main(_):
        raise error

    return main


class TestFlags:
    def test_comments_are_the_help(self, flags):
        helps = {
            field.name: flags.FLAGS[field.name].help
            for field in dataclasses.fields(Recipe)
        }
        assert list(helps.values()) == ["What is ground.", "Of it; 0 # none."] + [
            "Share.",
            "Crust.",
        ]

    def test_they_fill_the_dataclass(self, flags, run):
        received = []
        status = run(
            lambda _: received.append(flags.parse(Recipe)),
            "--bread_salt=0.5",
            "--nobread_with_a_very_long_name_that_is_wrapped_by_the_formatter",
        )
        assert status == 0
        assert received == [Recipe("rye", 700, 0.5, False)]

    def test_help_lists_them(self, run, capfd):
        run(lambda _: None, "--help")
        shown = capfd.readouterr().out
        assert "--bread_flour: What is ground." in shown
        assert "(default: '700')" in shown

    def test_values_of_another_type_are_refused(self, run, capfd):
        assert run(lambda _: None, "--bread_grams=many") == 1
        assert "flag --bread_grams=many" in capfd.readouterr().err


class TestStart:
    @pytest.mark.parametrize(
        "error",
        [
            ValueError("text.csv, line 3: no."),
            FileNotFoundError("text.csv, line 3: no."),
            ArithmeticError("text.csv, line 3: no."),
        ],
    )
    def test_what_a_user_can_mend_is_one_line(self, run, capfd, error):
        assert run(fail(error)) == 1
        assert capfd.readouterr() == ("", "error: text.csv, line 3: no.\n")

    def test_what_the_dataclass_refuses_too(self, flags, run, capfd):
        assert run(lambda _: flags.parse(Recipe), "--bread_grams=-1") == 1
        assert capfd.readouterr().err == "error: bread_grams must be at least 0: -1.\n"

    def test_a_stopped_run(self, run, capfd):
        assert run(fail(Stopped("state saved."))) == 143
        assert capfd.readouterr().err == "state saved.\n"

    def test_a_mistake_of_ours_shows_where(self, flags, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["bake.py"])
        with pytest.raises(KeyError, match="ours"):
            flags.start(fail(KeyError("ours")))

    def test_a_word_that_is_no_flag(self, run, capfd):
        assert run(lambda _: None, "--bread_flour", "oat", "True") == 1
        assert capfd.readouterr().err == (
            "error: 'True' is not a flag; write --name=value, and --name or --noname "
            "for what is on or off.\n"
        )

    def test_words_where_a_script_wants_them(self, run):
        received = []
        assert run(received.extend, "one", "two", takes_arguments=True) == 0
        assert received == ["bake.py", "one", "two"]

    def test_nobody_reads_on(self, run, capfd, monkeypatch):
        read, write = os.pipe()
        os.close(read)
        with open(write, "w") as pipe:
            monkeypatch.setattr(sys, "stdout", pipe)
            assert run(lambda _: print("an answer")) == 141
        assert capfd.readouterr().err == ""


class TestQuietImports:
    def test_hides_what_is_written_below_python(self, flags, capfd):
        with flags.quiet_imports():
            os.write(2, b"oneDNN is on\n")
        os.write(2, b"after\n")
        assert capfd.readouterr().err == "after\n"

    def test_shows_it_where_the_import_fails(self, flags, capfd):
        with pytest.raises(ImportError), flags.quiet_imports():
            os.write(2, b"no such library\n")
            raise ImportError
        assert capfd.readouterr().err == "no such library\n"
