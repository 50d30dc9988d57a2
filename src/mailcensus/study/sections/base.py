"""What all sections of study.toml are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PositiveFloat = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
AsNumber = Annotated[int, Field(gt=0, lt=4_294_967_295)]
Port = Annotated[int, Field(gt=0, lt=65_536)]


class Section(BaseModel):
    """Fields that are documented by their `description`; one that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
