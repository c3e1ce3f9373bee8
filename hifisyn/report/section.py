"""The parts of the page: sections, each with the template that renders its content."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Missing:
    """Stands for the content of a section for which nothing was run.

    Attributes:
        what: is missing; a clause without a full stop.
        command: that makes it.
    """

    what: str
    command: str


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        anchor: by which links find it.
        link: its name in the navigation.
        title: its heading.
        kind: name of the template in this folder that renders `content`.
        content: whatever that template shows; `Missing` where nothing was run.
        note: a sentence or two before the content of some kinds.
    """

    anchor: str
    link: str
    title: str
    kind: str
    content: object
    note: str = ""

    @property
    def template(self) -> str:
        """Name of the template in the environment of pages."""
        kind = "missing" if isinstance(self.content, Missing) else self.kind
        return f"report/{kind}.html.jinja"
