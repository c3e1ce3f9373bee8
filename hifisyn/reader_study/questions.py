"""The questions to readers, in the order in which they are asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        key: its name in files.
        title: its name for people.
        help: what to look for.
    """

    key: str
    title: str
    help: str


QUESTIONS = (
    Question(
        "structure",
        "Structural preservation",
        "Does the image keep the anatomy of the source: borders, ventricles, sulci, lesions; nothing lost, "
        "nothing invented?",
    ),
    Question(
        "diagnostic",
        "Diagnostic value",
        "How far could you rely on the image for a diagnosis: contrast, visible lesions, freedom from artefacts?",
    ),
)
KEYS = tuple(question.key for question in QUESTIONS)
