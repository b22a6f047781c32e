"""A table of the settings file."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the settings file: frozen, and closed to names that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
