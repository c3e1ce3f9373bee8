"""What dataset.json holds, typed: a value of another type is refused by the name of its key."""

from pydantic import BaseModel, ConfigDict


class CaseContent(BaseModel):
    """A case: its images, relative to the file or absolute, and what else is known."""

    images: list[str]
    modalities: list[str] | None = None
    label: str | None = None
    brain: str | None = None
    done: list[str] = []


class DatasetContent(BaseModel):
    """The file. Keys of others, such as those of nnU-Net, are passed over."""

    model_config = ConfigDict(extra="ignore")

    name: str | None = None
    channel_names: dict[int, str]
    labels: dict[str, int]
    dataset: dict[str, CaseContent]
    test: dict[str, CaseContent] = {}
    subjects: dict[str, str | int] = {}
    reference_modality: str | None = None
    skull_stripped: bool = False
    registered: bool = False
    bias_corrected: bool = False
    private: bool = False
    description: str | None = None
    licence: str | None = None
    reference: str | None = None
    release: str | None = None
