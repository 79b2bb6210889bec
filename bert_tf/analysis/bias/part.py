"""The part `bias` of an analysis: whom a model treats differently."""

import dataclasses

from bert_tf.analysis.adapters import ADAPTERS, find_adapter
from bert_tf.analysis.findings import Part
from bert_tf.ground import lazy, setting

of_groups = lazy("bert_tf.analysis.bias.of_groups")
of_masked_lms = lazy("bert_tf.analysis.bias.of_masked_lms")

NEEDS_LABELS = False
# {measure: the setting that asks for it; "" if records are enough}.
MEASURES = {
    "crows_pairs": "crows_pairs_file",
    "stereoset": "stereoset_file",
    "winobias": "winobias_files",
    "associations": "seat_files",
    "counterfactuals": "",
    "slices": "slice_columns",
}


@dataclasses.dataclass(frozen=True, init=False)
class BiasOptions:
    """The files of the measures, and the groups of the data."""

    crows_pairs_file: str = setting(
        "", "CrowS-Pairs (CSV), for masked LMs.", section="bias"
    )
    stereoset_file: str = setting("", "StereoSet (JSON), for masked LMs.")
    winobias_files: str = setting("", "Two files of WinoBias for masked LMs: pro,anti.")
    seat_files: str = setting(
        "", "Files of WEAT or SEAT, separated by commas, for embeddings."
    )
    swaps_file: str = setting(
        "", "Words to exchange in the records. Empty: lists of bert_tf."
    )
    slice_columns: str = setting(
        "", "Columns of data whose values are groups to compare, separated by commas."
    )
    positive_label: str = setting(
        "", "Label whose prediction is a selection, for rates. Empty: the last of two."
    )


def analyze(subject, config):
    """Returns the `Part` of a `Subject`, or None if nothing suits the task.

    Raises:
        ValueError: a file or a column is wrong; a measure does not suit the model.
    """
    suited = find_adapter(subject.task).bias
    part = Part("bias", "Bias", [], {}, [], [])
    for name, wanted in MEASURES.items():
        asked = bool(getattr(config, wanted) if wanted else subject.records)
        if name not in suited:
            if wanted and asked:
                others = [task for task, own in ADAPTERS.items() if name in own.bias]
                raise ValueError(
                    f"{wanted} is for {' and '.join(others)}, but the model's task is "
                    f"{subject.task.name}; drop it, or pass another task and a folder that "
                    "has its head."
                )
            continue
        if asked:
            home = of_groups if hasattr(of_groups, f"measure_{name}") else of_masked_lms
            measure = getattr(home, f"measure_{name}")
            part.values[name], tables, says, notes = measure(subject, config)
            part.blocks += tables
            part.summary += says
            part.caveats += notes
    if not part.values:
        return None
    part.caveats.append(
        "These numbers find some differences and not others; a small one does not mean "
        "that a model treats all groups alike."
    )
    return part
