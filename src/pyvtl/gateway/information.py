"""What people call the gateway, its time zone and maintenance window, and whether it serves."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta, timezone, tzinfo
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

from pyvtl.gateway.errors import (
    ActivationKeyError,
    GatewayInUseError,
    GatewayNotFoundError,
    InvalidRequestError,
)
from pyvtl.gateway.kept import Kept

TIME_ZONE: Final = re.compile(r"GMT(?:(?P<sign>[+-])(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d))?")
FURTHEST: Final = timedelta(hours=14)
KEY_GROUPS, KEY_GROUP_SIZE = 5, 5


class State(StrEnum):
    """Whether the gateway serves initiators, and whether the management API knows it."""

    RUNNING = "RUNNING"
    SHUT_DOWN = "SHUTDOWN"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """When software may be updated, in the gateway's time zone: weekly, or once a month.

    `day_of_week` counts from 0, Sunday; one of it and `day_of_month` is None.
    """

    hour: int = 3
    minute: int = 0
    day_of_week: int | None = 0
    day_of_month: int | None = None
    policy: str = "ALL_VERSIONS"


@dataclass(frozen=True, slots=True)
class Information:
    """All that is kept of the gateway itself."""

    name: str
    time_zone: str = "GMT"
    state: State = State.RUNNING
    log_group: str | None = None
    maintenance: Maintenance = field(default_factory=Maintenance)


class About:
    """The gateway's information, kept across restarts."""

    def __init__(self, kept: Kept[Information], gateway_id: str) -> None:
        self._kept = kept
        self._gateway_id = gateway_id

    @property
    def information(self) -> Information:
        """As it is now."""
        return self._kept.value

    @property
    def time_zone(self) -> tzinfo:
        """The gateway's time zone, a fixed distance from Greenwich."""
        return time_zone(self.information.time_zone)

    @property
    def activation_key(self) -> str:
        """What a deleted gateway is activated again with; not a secret."""
        digest = blake2b(f"activation {self._gateway_id}".encode(), digest_size=16).hexdigest()
        letters = digest.upper()[: KEY_GROUPS * KEY_GROUP_SIZE]
        return "-".join(
            letters[i : i + KEY_GROUP_SIZE] for i in range(0, len(letters), KEY_GROUP_SIZE)
        )

    async def update(
        self,
        *,
        name: str | None = None,
        zone: str | None = None,
        log_group: str | None = None,
    ) -> Information:
        """Change what is not None; an empty log group is none.  InvalidRequestError."""
        if zone is not None:
            time_zone(zone)
        wanted = {"name": name, "time_zone": zone, "log_group": log_group}
        return await self._kept.change(lambda was: replace(was, **_given(wanted)))

    async def update_maintenance(
        self,
        *,
        hour: int | None = None,
        minute: int | None = None,
        day_of_week: int | None = None,
        day_of_month: int | None = None,
        policy: str | None = None,
    ) -> None:
        """Change what is not None: a day of the week takes the place of a day of the month, and
        the other way round.  InvalidRequestError.
        """
        if day_of_week is not None and day_of_month is not None:
            raise InvalidRequestError("give a day of the week or a day of the month, not both")
        wanted = _given({"hour": hour, "minute": minute, "policy": policy})
        if day_of_week is not None or day_of_month is not None:
            wanted |= {"day_of_week": day_of_week, "day_of_month": day_of_month}
        if not wanted:
            raise InvalidRequestError("give a time, a day or a policy to change to")
        await self._kept.change(
            lambda was: replace(was, maintenance=replace(was.maintenance, **wanted))
        )

    @property
    def is_deleted(self) -> bool:
        """Whether nobody is served, and the management API does not know it."""
        return self.information.state is State.DELETED

    def check_active(self) -> None:
        """GatewayNotFoundError once the gateway is deleted."""
        if self.is_deleted:
            raise GatewayNotFoundError(
                f"the gateway sgw-{self._gateway_id.upper()} is deleted: activate it again with"
                f" the key {self.activation_key}"
            )

    async def enter(self, state: State) -> None:
        """Run or shut down; GatewayNotFoundError when it is deleted."""
        self.check_active()
        await self._kept.change(lambda was: replace(was, state=state))

    async def delete(self, tapes_left: int) -> None:
        """Be deleted, unless tapes are left: GatewayInUseError."""
        self.check_active()
        if tapes_left:
            raise GatewayInUseError(
                f"{tapes_left} tapes are left in the gateway: unload and export or delete them,"
                " and then delete the gateway"
            )
        await self._kept.change(lambda was: replace(was, state=State.DELETED))

    async def activate(self, key: str, name: str, zone: str) -> None:
        """Be there again after a deletion, with nothing of what was set before.

        Raises as `check_activation`.
        """
        self.check_activation(key, zone)
        await self._kept.change(lambda _: Information(name, zone))

    def check_activation(self, key: str, zone: str) -> None:
        """Raise what keeps it from being activated: ActivationKeyError, InvalidRequestError."""
        time_zone(zone)
        if not self.is_deleted:
            raise ActivationKeyError(
                f"gateway sgw-{self._gateway_id.upper()} is active since its first start: only"
                " one that was deleted is activated"
            )
        if key != self.activation_key:
            raise ActivationKeyError("that is not the key that `pyvtl gateway show` prints")


def time_zone(text: str) -> tzinfo:
    """GMT, GMT-4:00, GMT+5:30 and so on; InvalidRequestError."""
    match = TIME_ZONE.fullmatch(text)
    offset = timedelta() if match is None or match["sign"] is None else _offset(match)
    if match is None or abs(offset) > FURTHEST:
        raise InvalidRequestError(f"{text!r} is no time zone: write GMT, or like GMT-4:00")
    return timezone(offset)


def _offset(match: re.Match[str]) -> timedelta:
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
    return -offset if match["sign"] == "-" else offset


def _given(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}
