"""Settings of D^c, which HiFi-Syn and MGUIT take from DRIT++: of every so many steps all but the last move D^c only."""

from pydantic import Field

from hifisyn.settings import Settings

CONTENT_DISCRIMINATOR = "content_discriminator"


class ContentDiscriminatorSettings(Settings):
    """DRIT's values."""

    lr: float = Field(4e-5, gt=0)
    clip: float = Field(5.0, gt=0, description="largest norm of its gradient")
    steps: int = Field(3, ge=1, description="d_iter: of so many steps all but the last move D^c only")

    def moves_alone(self, iteration: int) -> bool:
        """Tell whether a step moves D^c only.

        >>> [ContentDiscriminatorSettings().moves_alone(i) for i in range(4)]
        [True, True, False, True]
        """
        return (iteration + 1) % self.steps != 0
