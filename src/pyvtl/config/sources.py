"""Where settings come from: flags over environment over file over defaults, each remembered."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from pyvtl.config.model import Config
from pyvtl.config.types import Unit
from pyvtl.iscsi.node import PortalAddress

PREFIX = "PYVTL_"
FILE_VARIABLE = "PYVTL_CONFIG"
"""Names the settings file; the only variable of ours that is no setting."""


class _Environment(Config, BaseSettings):
    """The same settings as variables `PYVTL_SECTION__NAME`; an empty one counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True
    )


Tables = Mapping[str, Mapping[str, Any]]


class ConfigError(ValueError):
    """Settings that cannot be used; `problems` has a line for each, with its name and reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it is in force.  `value` is plain data, and masked if it is a secret."""

    name: str
    value: Any
    unit: Unit | None
    origin: str
    description: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings, with the origin of each that is not a default, by `section.name`."""

    config: Config
    origins: Mapping[str, str]

    def __iter__(self) -> Iterator[Setting]:
        for section, name, field, value in _fields(self.config):
            key = f"{section}.{name}"
            origin = self.origins.get(key, "default")
            unit = next((mark for mark in field.metadata if isinstance(mark, Unit)), None)
            yield Setting(key, _plain(value), unit, origin, field.description or "")


@dataclass(frozen=True, slots=True)
class _Source:
    """Settings of one origin, as found, and what to call the origin of each."""

    tables: Tables
    origin: str

    def of(self, section: str, name: str) -> str:
        return self.origin.format(f"{section}__{name}".upper())


def load(file: Path | None = None, flags: Tables | None = None) -> Settings:
    """Gather and check all settings.  Raises ConfigError naming everything that is wrong."""
    sources = [
        _Source(_from_file(file), f"file {file}"),
        _Source(_from_environment(), f"environment {PREFIX}{{}}"),
        _Source(flags or {}, "flag"),
    ]
    values: dict[str, dict[str, Any]] = {}
    origins: dict[str, str] = {}
    for source in sources:
        for section, table in source.tables.items():
            for name, value in table.items():
                values.setdefault(section, {})[name] = value
                origins[f"{section}.{name}"] = source.of(section, name)
    try:
        return Settings(Config.model_validate(values), origins)
    except ValidationError as error:
        raise ConfigError([_explain(detail, origins) for detail in error.errors()]) from None


def _from_file(file: Path | None) -> Tables:
    if file is None:
        return {}
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError([f"{file} cannot be used: {error}"]) from None
    loose = [name for name, table in tables.items() if not isinstance(table, dict)]
    if loose:
        raise ConfigError([_unknown_section(name, f"file {file}") for name in loose])
    return tables


def _from_environment() -> Tables:
    ours = [name for name in os.environ if name.startswith(PREFIX) and name != FILE_VARIABLE]
    known = tuple(f"{PREFIX}{section}__".upper() for section in Config.model_fields)
    strange = [name for name in ours if not name.upper().startswith(known)]
    if strange:
        names = ", ".join(f"{prefix}…" for prefix in known)
        raise ConfigError([f"{name}: no such setting; there are {names}" for name in strange])
    tables: Tables = EnvSettingsSource(_Environment)()
    return tables


def _fields(config: BaseModel) -> Iterator[tuple[str, str, FieldInfo, Any]]:
    for section in type(config).model_fields:
        table = getattr(config, section)
        for name, field in type(table).model_fields.items():
            yield section, name, field, getattr(table, name)


def _plain(value: Any) -> Any:
    """As it would stand in the file."""
    if isinstance(value, SecretStr):
        return str(value)
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return str(value) if isinstance(value, Path | PortalAddress) else value


def _explain(detail: ErrorDetails, origins: Mapping[str, str]) -> str:
    """One line: which setting, from where, what is wrong, and what is allowed."""
    reason = detail["msg"].removeprefix("Value error, ")
    location = [str(part) for part in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        return _unknown(location, origins)
    key = ".".join(location[:2])
    where = f" ({origins[key]})" if key in origins else ""
    return f"{key}{where}: {reason}" if key else reason


def _unknown(location: Sequence[str], origins: Mapping[str, str]) -> str:
    if len(location) == 1:
        prefix = f"{location[0]}."
        origin = next(text for key, text in origins.items() if key.startswith(prefix))
        return _unknown_section(location[0], origin)
    section, name = location[0], location[1]
    table = Config.model_fields[section].annotation
    assert isinstance(table, type)
    assert issubclass(table, BaseModel)
    hint = _hint(name, list(table.model_fields), f"[{section}]")
    return f"{section}.{name} ({origins[f'{section}.{name}']}): no such setting; {hint}"


def _unknown_section(name: str, origin: str) -> str:
    hint = _hint(name, list(Config.model_fields), "the file")
    return f"{name} ({origin}): no such section; {hint}"


def _hint(name: str, known: Sequence[str], place: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"{place} has {', '.join(known)}"
