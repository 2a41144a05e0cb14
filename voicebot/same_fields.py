"""From settings to the telephony room's own form of the same: what has the same name has the same meaning."""

from dataclasses import fields
from typing import Any, TypeVar

from pydantic import BaseModel

Config = TypeVar("Config")


def same_fields(kind: type[Config], settings: BaseModel, **rest: Any) -> Config:
    """A dataclass `kind` with the values of `settings` under the same names, and `rest`, which wins.

    Fields that neither has keep their defaults.
    """
    names = {field.name for field in fields(kind)} - rest.keys()  # type: ignore[arg-type]  # a dataclass
    return kind(**{name: getattr(settings, name) for name in names if hasattr(settings, name)}, **rest)
