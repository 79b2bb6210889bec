"""Flags come from dataclasses and from tasks; commands start and end quietly."""

import dataclasses
import logging
import os
import sys

import pytest

import bert_tf as verbs
from bert_tf.commands import flag_help, flags, start
from bert_tf.ground import setting
from bert_tf.tasks.options import Options, TakesOptions, option
from bert_tf.training.loop import Stopped


@dataclasses.dataclass(frozen=True)
class Recipe:
    bread_flour: str = setting("rye", "Kind of flour.", section="dough")
    bread_grams: int = setting(500, "Grams of flour. 0: none.")
    bread_salt: float = setting(0.02, "Fraction of the flour; never more than 0.03.")
    bread_crust: bool = setting(True, "Bake it dark.", section="oven")
    bread_notes: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        if self.bread_grams < 0:
            raise ValueError(f"bread_grams must be at least 0: {self.bread_grams}.")


@dataclasses.dataclass(frozen=True, init=False)
class Bakery(TakesOptions):
    bakery_name: str = setting("corner", "Name of the bakery.")
    bakery_seats: int = setting(3, "Seats of the bakery.")


class Roll:
    @dataclasses.dataclass(frozen=True)
    class Options(Options):
        oven_steam: bool = option(True, "Let steam in.")
        rising_minutes: int = option(60, "Minutes of rising.")
        eaten_with: str = option("jam", "What is on it.", use="prediction")


class Cake:
    @dataclasses.dataclass(frozen=True)
    class Options(Options):
        rising_minutes: int = option(15, "Minutes of rising.")
        icing: str = option("", "Colour of the icing. Empty: no icing.", use="both")
        bakery_seats: int = option(8, "Shadowed by the field of the configuration.")


class Pie:
    @dataclasses.dataclass(frozen=True)
    class Options(Options):
        icing: str = option("", "Colour of the icing. Empty: no icing.", use="both")


TASKS = {"roll": Roll, "cake": Cake, "pie": Pie}
NAMES = ["bread_flour", "bread_grams", "bread_salt", "bread_crust", "max_seq_length"]
NAMES += ["oven_steam", "rising_minutes", "icing", "bakery_name", "bakery_seats"]


HELP = """Bakes bread and cakes.

bert-tf bake --bread_grams=400 \\
  --rising_minutes=90
"""


@pytest.fixture(scope="module")
def defined():
    """The flags of Recipe and Bakery, once for the process."""
    flags.define(Recipe, bread_grams=700)
    flags.define(Bakery)
    flags.define_options(Bakery, TASKS, "training")


@pytest.fixture
def run(defined):
    """Runs a command's main with arguments; returns its exit status."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], logging.getLogger("bert_tf").level

    def run(main, *arguments, program="bert-tf bake", **options):
        with pytest.raises(SystemExit) as ended:
            start.run(main, [program, *arguments], description=HELP, **options)
        return ended.value.code or 0

    yield run
    root.handlers[:] = handlers
    logging.getLogger("bert_tf").setLevel(level)
    for name in NAMES:
        flags.FLAGS[name].unparse()


def fail(error):
    def main(_):
        raise error

    return main


class TestFlags:
    def test_they_fill_the_dataclass(self, run):
        received = []
        status = run(
            lambda _: received.append(flags.parse(Recipe)),
            "--bread_salt=0.5",
            "--nobread_crust",
        )
        assert status == 0
        assert received == [Recipe("rye", 700, 0.5, False)]

    def test_a_field_without_help_is_no_flag(self, defined):
        assert "bread_notes" not in flags.FLAGS
        assert "options" not in flags.FLAGS

    def test_values_of_another_type_are_refused(self, run, capfd):
        assert run(lambda _: None, "--bread_grams=many") == 1
        assert "flag --bread_grams=many" in capfd.readouterr().err


class TestOptions:
    @pytest.fixture
    def parse(self, run):
        """Returns a function: command line -> options of the configuration."""

        def parse(*arguments):
            received = []
            assert run(lambda _: received.append(flags.parse(Bakery)), *arguments) == 0
            return received[0].options

        return parse

    def test_only_those_that_are_given_are_passed_on(self, parse):
        assert parse() == {}
        assert parse("--nooven_steam", "--max_seq_length=64", "--bakery_seats=5") == {
            "max_seq_length": 64,
            "oven_steam": False,
        }

    def test_a_value_equal_to_the_default_is_passed_on(self, parse):
        assert parse("--rising_minutes=15") == {"rising_minutes": 15}

    def test_they_come_from_a_flagfile_too(self, parse, tmp_path):
        path = tmp_path / "bake.flags"
        path.write_text("--icing=pink\n# --oven_steam\n--bakery_name=new\n")
        assert parse(f"--flagfile={path}") == {"icing": "pink"}

    @pytest.mark.parametrize(
        "content, problem",
        [
            (b"\xff\xfe\x00", "flagfile: not utf-8 text at byte 0; name a text file"),
            (b"--flagfile=bake.flags", "flagfile 'bake.flags' names itself; drop that"),
            (b"\0\0", "'\\x00\\x00' is not a flag; write --name=value"),
            (None, "Unable to open flagfile: [Errno 2] No such file"),
            ("folder", "Unable to open flagfile: [Errno 21] Is a directory"),
        ],
    )
    def test_a_flagfile_that_is_none(
        self, run, capfd, tmp_path, monkeypatch, content, problem
    ):
        monkeypatch.chdir(tmp_path)
        if content == "folder":
            (tmp_path / "bake.flags").mkdir()
        elif content:
            (tmp_path / "bake.flags").write_bytes(content)
        assert run(lambda _: None, "--flagfile=bake.flags") == 1
        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith(f"error: {problem}") and err.count("\n") == 1

    def test_a_field_of_the_configuration_wins(self, run):
        received = []
        run(lambda _: received.append(flags.parse(Bakery)), "--bakery_seats=5")
        assert received[0].bakery_seats == 5
        assert received[0].options == {}

    def test_a_wrong_flag_is_one_line(self, run, capfd):
        assert run(lambda _: None, "--bread_gram=3") == 1
        assert capfd.readouterr() == (
            "",
            "error: there is no flag 'bread_gram'. Did you mean 'bread_grams'?\n",
        )
        assert run(lambda _: None, f"--bread_grams={'9' * 5000}") == 1
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.endswith("9…. bert-tf bake --help lists the flags.\n")

    def test_options_of_another_use_are_no_flags(self, defined):
        assert "eaten_with" not in flags.FLAGS


class TestHelp:
    @pytest.fixture
    def show(self, run, capfd, monkeypatch):
        """Returns the lines of the help."""
        monkeypatch.setenv("COLUMNS", "100")

        def show(*arguments):
            assert run(lambda _: None, *arguments) == 0
            return capfd.readouterr().out.splitlines()

        return show

    def test_example_then_flags_in_order_under_headings(self, show):
        assert show("--bread_grams=3", "--help") == [
            "Bakes bread and cakes.",
            "",
            "bert-tf bake --bread_grams=400 \\",
            "  --rising_minutes=90",
            "",
            "DOUGH",
            "  --bread_flour=rye     Kind of flour.",
            "  --bread_grams=700     Grams of flour. 0: none.",
            "  --bread_salt=0.02     Fraction of the flour; never more than 0.03.",
            "OVEN",
            "  --[no]bread_crust     Bake it dark. Default: on.",
            "",
            "  --bakery_name=corner  Name of the bakery.",
            "  --bakery_seats=3      Seats of the bakery.",
            "OPTIONS OF SEVERAL TASKS",
            "  --max_seq_length=128  Longest example in tokens, [CLS] and [SEP] included.",
            "  --rising_minutes=     Minutes of rising. Default: 15 (cake), else 60.",
            "  --icing=              Colour of the icing. Empty: no icing. For cake, pie.",
            "OPTIONS OF ROLL",
            "  --[no]oven_steam      Let steam in. Default: on.",
            "",
            "--flagfile=FILE reads flags from FILE; --helpfull lists absl's, too.",
        ]

    def test_other_spellings(self, show):
        assert show("-h") == show("-help") == show("--helpshort") == show("--help")

    def test_after_two_dashes_it_is_a_text(self, run):
        received = []
        assert run(received.extend, "--", "--help", takes_texts=True) == 0
        assert received == ["--help"]

    def test_helpfull_is_that_of_absl(self, run, capfd):
        run(lambda _: None, "--helpfull")
        shown = capfd.readouterr().out
        assert "--bread_flour: Kind of flour." in shown
        assert "--flagfile:" in shown

    def test_a_prediction_takes_defaults_from_the_model(self):
        fields = {field.name: field for field in dataclasses.fields(Roll.Options)}
        options = {
            name: {"roll": fields[name]} for name in ("max_seq_length", "eaten_with")
        }
        sections = flag_help.option_sections(options, list(TASKS), "prediction")
        text = "Longest example in tokens, [CLS] and [SEP] included. Default: as in training."
        rows = [("--max_seq_length=", text), ("--eaten_with=jam", "What is on it.")]
        assert sections == [("options of roll", rows)]

    def test_an_option_that_differs_by_task_is_shown_for_each(self):
        fields = {
            task: dataclasses.make_dataclass(
                "Options", [("size", int, option(4, text))]
            )
            for task, text in (("roll", "Grams."), ("cake", "Centimetres."))
        }
        options = {"size": {k: dataclasses.fields(v)[0] for k, v in fields.items()}}
        assert flag_help.option_sections(options, ["roll", "cake"], "training") == [
            ("options of roll", [("--size=4", "Grams.")]),
            ("options of cake", [("--size=4", "Centimetres.")]),
        ]

    def test_many_options_of_a_few_tasks_are_shown_for_a_chosen_one(self):
        kinds = {
            task: dataclasses.make_dataclass(
                "Options",
                [(f"icing_{n}", int, option(n, f"Layer {n}.")) for n in range(6)]
                + [(f"size_of_{task}", int, option(4, "Grams."))],
            )
            for task in ("cake", "pie")
        }
        options = {}
        for task, kind in kinds.items():
            for field in dataclasses.fields(kind):
                options.setdefault(field.name, {})[task] = field
        tasks = ["roll", "cake", "pie"]
        row = ("--task=cake --help", "the 8 options of cake and pie.")
        sections = flag_help.option_sections(options, tasks, "training")
        assert sections == [("options of several tasks", [row])]
        ((heading, rows),) = flag_help.option_sections(
            options, tasks, "training", "pie"
        )
        assert heading == "options of pie"
        assert rows[0] == ("--icing_0=0", "Layer 0.")
        assert [flag for flag, _ in rows][-2:] == ["--icing_5=5", "--size_of_pie=4"]

    def test_many_options_of_a_task_are_shown_for_the_chosen_task(self):
        names = [f"layer_{number}" for number in range(6)]
        kind = dataclasses.make_dataclass(
            "Options", [(name, int, option(4, f"Height of {name}.")) for name in names]
        )
        options = {field.name: {"cake": field} for field in dataclasses.fields(kind)}
        (section,) = flag_help.option_sections(options, ["roll", "cake"], "training")
        row = ("--task=cake --help", "the 6 options of cake.")
        assert section == ("options of several tasks", [row])
        ((_, rows),) = flag_help.option_sections(
            options, ["roll", "cake"], "training", "cake"
        )
        assert [flag for flag, _ in rows] == [f"--{name}=4" for name in names]

    def test_of_a_task_only_its_options_are_shown(self, show):
        lines = show("--task=cake", "--help")
        assert "OPTIONS OF CAKE" in lines and "OPTIONS OF ROLL" not in lines
        begin = lines.index("OPTIONS OF CAKE")
        assert [line.split("=")[0] for line in lines[begin + 1 : begin + 4]] == [
            *("  --max_seq_length", "  --rising_minutes", "  --icing"),
        ]
        assert show("--task=none", "--help") == show("--help")

    def test_long_help_is_wrapped(self):
        long_flag = "--" + "long" * 10
        rows = [("--short=1", "word " * 30), (long_flag, "word " * 10)]
        lines = flag_help.format_help("Bakes.", [("", rows)], 80).splitlines()
        assert lines[2:7] == [
            "  --short=1                     " + " ".join(["word"] * 9),
            *[" " * 32 + " ".join(["word"] * 9)] * 2,
            " " * 32 + " ".join(["word"] * 3),
            f"  {long_flag}  " + " ".join(["word"] * 7),
        ]

    def test_settings_of_training_fit_on_two_lines(self):
        for field in dataclasses.fields(verbs.TrainConfig):
            row = flag_help.describe(field, field.default)
            shown = flag_help.format_help("", [("", [row])])
            assert len(shown.splitlines()) <= 2 + 2 + 2, field.name


class TestStart:
    @pytest.mark.parametrize(
        "error",
        [
            ValueError("text.csv, line 3: no."),
            FileNotFoundError("text.csv, line 3: no."),
            ArithmeticError("text.csv, line 3: no."),
        ],
    )
    def test_an_error_of_the_user_is_one_line(self, run, capfd, error):
        assert run(fail(error)) == 1
        assert capfd.readouterr() == ("", "error: text.csv, line 3: no.\n")

    def test_a_long_error_keeps_its_beginning_and_its_end(self, run, capfd):
        error = ValueError(f"text.csv, line 3: {'a' * 5000}. Shorten it.")
        assert run(fail(error)) == 1
        shown = capfd.readouterr().err
        assert shown.startswith("error: text.csv, line 3: aaa")
        assert shown.endswith("aaa. Shorten it.\n") and len(shown) < 1250

    def test_an_error_of_the_dataclass_is_one_line(self, run, capfd):
        assert run(lambda _: flags.parse(Recipe), "--bread_grams=-1") == 1
        assert capfd.readouterr().err == "error: bread_grams must be at least 0: -1.\n"

    def test_a_stopped_run(self, run, capfd):
        assert run(fail(Stopped("state saved."))) == 143
        assert capfd.readouterr().err == "state saved.\n"

    def test_an_error_of_ours_has_a_traceback(self, defined):
        with pytest.raises(KeyError, match="ours"):
            start.run(fail(KeyError("ours")), ["bert-tf bake"])

    def test_an_argument_that_is_no_flag(self, run, capfd):
        assert run(lambda _: None, "--bread_flour", "oat", "True") == 1
        assert capfd.readouterr().err == (
            "error: 'True' is not a flag; write --name=value, or --name and --noname to "
            "turn a setting on and off.\n"
        )

    def test_texts_if_a_command_takes_them(self, run):
        received = []
        assert run(received.extend, "one", "two", takes_texts=True) == 0
        assert received == ["one", "two"]

    def test_output_that_nobody_reads(self, run, capfd, monkeypatch):
        read, write = os.pipe()
        os.close(read)
        with open(write, "w") as pipe:
            monkeypatch.setattr(sys, "stdout", pipe)
            assert run(lambda _: print("a prediction")) == 141
        assert capfd.readouterr().err == ""
