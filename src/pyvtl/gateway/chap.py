"""CHAP credentials by target and initiator, kept across restarts, beside the settings' account."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pyvtl.config.model import MAX_SECRET, MIN_SECRET
from pyvtl.gateway.errors import (
    ChapCredentialsNotFoundError,
    InvalidRequestError,
    TargetNotFoundError,
)
from pyvtl.gateway.kept import Kept
from pyvtl.iscsi.chap import ChapCredentials

UNGUESSABLE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one initiator proves to one target, and with `target_secret` that to the initiator.

    The initiator's CHAP name is its iSCSI name, the target's is that of the target.
    """

    target: str
    initiator: str
    secret: str = field(repr=False)
    target_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AllCredentials:
    """All that are kept."""

    credentials: tuple[Credentials, ...] = ()


class Chap:
    """Who has to prove what.  `look_up` is asked at each login.

    An initiator that has credentials for a target uses these.  Any other uses the account of the
    settings; where there is none, a target that has credentials for some takes no other.
    """

    def __init__(
        self,
        kept: Kept[AllCredentials],
        account: ChapCredentials | None,
        targets: Sequence[str],
        close_sessions: Callable[[str, str], None],
    ) -> None:
        """`close_sessions` ends all connections to a target, and says why."""
        self._kept = kept
        self._account = account
        self._targets = frozenset(targets)
        self._close_sessions = close_sessions

    def look_up(self, target: str | None, initiator: str) -> ChapCredentials | None:
        """What an initiator has to prove to a target; None in a discovery session is the node."""
        own = [row for row in self._kept.value.credentials if row.target == target]
        for row in own:
            if row.initiator == initiator:
                return _proof(row)
        if own and self._account is None:
            # Nobody can know this: a stranger gets the challenge that one who is known gets.
            return ChapCredentials(initiator, secrets.token_bytes(UNGUESSABLE_BYTES))
        return self._account

    def required(self, target: str) -> bool:
        """Whether an initiator has to prove itself to the target."""
        return self._account is not None or bool(self.of(target))

    def of(self, target: str) -> Sequence[Credentials]:
        """The credentials of a target, by initiator."""
        rows = (row for row in self._kept.value.credentials if row.target == target)
        return sorted(rows, key=lambda row: row.initiator)

    def all(self) -> Sequence[Credentials]:
        """The credentials of all targets."""
        return sorted(self._kept.value.credentials, key=lambda row: (row.target, row.initiator))

    async def put(
        self, target: str, initiator: str, secret: str, target_secret: str | None = None
    ) -> None:
        """Put credentials in force, instead of such as there are, and close what is logged in.

        Raises TargetNotFoundError and InvalidRequestError.
        """
        self.check_target(target)
        row = Credentials(target, initiator, secret, target_secret)
        _check(row)
        await self._kept.change(lambda was: AllCredentials((*_without(was, row), row)))
        self._close_sessions(target, "its CHAP credentials were changed")

    async def delete(self, target: str, initiator: str) -> None:
        """Take credentials away; TargetNotFoundError, ChapCredentialsNotFoundError."""
        self.check_target(target)
        row = Credentials(target, initiator, "")

        def without(was: AllCredentials) -> AllCredentials:
            left = _without(was, row)
            if len(left) == len(was.credentials):
                raise ChapCredentialsNotFoundError(
                    f"target {target} has no CHAP credentials for initiator {initiator}"
                )
            return AllCredentials(left)

        await self._kept.change(without)
        self._close_sessions(target, "its CHAP credentials were deleted")

    def check_target(self, target: str) -> None:
        """TargetNotFoundError unless there is such a target."""
        if target not in self._targets:
            raise TargetNotFoundError(f"there is no target {target}")


def _proof(row: Credentials) -> ChapCredentials:
    target_secret = None if row.target_secret is None else row.target_secret.encode()
    return ChapCredentials(row.initiator, row.secret.encode(), row.target, target_secret)


def _without(was: AllCredentials, row: Credentials) -> tuple[Credentials, ...]:
    key = row.target, row.initiator
    return tuple(r for r in was.credentials if (r.target, r.initiator) != key)


def _check(row: Credentials) -> None:
    for whose, secret in (("initiator", row.secret), ("target", row.target_secret)):
        if secret is not None and not MIN_SECRET <= len(secret.encode()) <= MAX_SECRET:
            raise InvalidRequestError(
                f"the CHAP secret of the {whose} must have {MIN_SECRET} to {MAX_SECRET} bytes"
            )
    if row.secret == row.target_secret:
        raise InvalidRequestError("the CHAP secrets of initiator and target must differ")
