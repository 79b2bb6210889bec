"""What a part of an analysis found, for people and as JSON."""

import dataclasses


@dataclasses.dataclass
class Table:
    """Rows under a head; a page sorts them.

    Attributes:
        title: of the table.
        head: names of the columns.
        rows: lists of strings and numbers, as long as the head.
        note: a sentence below it; "" for none.
    """

    title: str
    head: list
    rows: list
    note: str = ""


@dataclasses.dataclass
class Picture:
    """A PNG file in the folder of the analysis.

    Attributes:
        file: its name.
        text: what it shows, for those who do not see it.
    """

    file: str
    text: str


@dataclasses.dataclass
class Highlights:
    """Texts whose words are coloured by several methods.

    Attributes:
        title: of the texts.
        methods: {name: title} of the methods to choose from.
        examples: dicts with `words`, `weights` {method: a number for each word},
            `breaks`, the indices of the words that begin another text, `predicted`,
            `probability`, and `truth`, the label of the data, or "".
    """

    title: str
    methods: dict
    examples: list


@dataclasses.dataclass
class Part:
    """One part of an analysis.

    Attributes:
        name: key of `analyzing.PARTS`.
        title: for people.
        summary: sentences.
        values: {name: number, list or dict}, plain JSON.
        blocks: list of `Table`, `Picture` and `Highlights`, in the order of the page.
        caveats: sentences on what the numbers do not say.
    """

    name: str
    title: str
    summary: list
    values: dict
    blocks: list = dataclasses.field(default_factory=list)
    caveats: list = dataclasses.field(default_factory=list)
