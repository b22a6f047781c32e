"""A proxy before SeaweedFS that treats archive classes as S3 does.

SeaweedFS keeps the class of an object and gives the object anyway; here it has to be restored
first, which takes until `thaw`.  Objects that came by another way are in no archive class.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote

from tests.glacier import ARCHIVES
from tests.relay import Exchange, relaying


class Restore(StrEnum):
    """How far restoring an object has come: what S3 says of it in x-amz-restore."""

    NOT_ASKED = ""
    ONGOING = 'ongoing-request="true"'
    DONE = 'ongoing-request="false", expiry-date="Fri, 01 Jan 2100 00:00:00 GMT"'


@dataclass(slots=True)
class Archive:
    """The archived objects, by their paths."""

    url: str = ""
    objects: dict[str, Restore] = field(default_factory=dict)

    @property
    def states(self) -> set[Restore]:
        """How far any of the objects has come."""
        return set(self.objects.values())

    def thaw(self) -> None:
        """All that was asked for can be read."""
        asked = [key for key, state in self.objects.items() if state is Restore.ONGOING]
        self.objects.update(dict.fromkeys(asked, Restore.DONE))

    async def meet(self, exchange: Exchange) -> None:
        """One request."""
        path, method = unquote(exchange.path), exchange.method
        source = unquote(exchange.fields.get("x-amz-copy-source", ""))
        if method == "POST" and "restore" in exchange.query:
            await self._restore(exchange, path)
        elif self._is_frozen(f"/{source.lstrip('/')}") or (
            method == "GET" and self._is_frozen(path)
        ):
            await exchange.refuse("403 Forbidden", "InvalidObjectState")
        elif method == "HEAD" and self.objects.get(path):
            head, end, rest = (await exchange.carry_out()).partition(b"\r\n")
            told = f"x-amz-restore: {self.objects[path]}".encode()
            await exchange.answer(head + end + told + end + rest)
        else:
            self._note(exchange, path)
            await exchange.pass_on()

    def _is_frozen(self, path: str) -> bool:
        return self.objects.get(path, Restore.DONE) is not Restore.DONE

    def _note(self, exchange: Exchange, path: str) -> None:
        """A new object is archived, or no longer, as its class says."""
        if exchange.method == "PUT" or "uploads" in exchange.query:
            if exchange.fields.get("x-amz-storage-class") in ARCHIVES:
                self.objects[path] = Restore.NOT_ASKED
            elif "partNumber" not in exchange.query:
                self.objects.pop(path, None)

    async def _restore(self, exchange: Exchange, path: str) -> None:
        match self.objects.get(path):
            case None:
                await exchange.refuse("403 Forbidden", "InvalidObjectState")
            case Restore.ONGOING:
                await exchange.refuse("409 Conflict", "RestoreAlreadyInProgress")
            case state:
                await exchange.body()
                status = "200 OK" if state is Restore.DONE else "202 Accepted"
                self.objects[path] = state or Restore.ONGOING
                await exchange.say(status)


@contextmanager
def archive_before(upstream: int) -> Iterator[Archive]:
    """An archive before the server on that port."""
    archive = Archive()
    with relaying(upstream, archive.meet) as archive.url:
        yield archive
