"""What an initiator can log in to: target names, portals, who may, and our side of the keys."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pyvtl.iscsi.chap import ChapCredentials
from pyvtl.iscsi.keys import Offer


@dataclass(frozen=True, slots=True)
class PortalAddress:
    """Where a portal listens, or is to be reached: an address or a host name, and a port."""

    host: str
    port: int = 3260

    def __str__(self) -> str:
        """As TargetAddress has it: IPv6 in brackets, without a zone (RFC 7143 section 13.8)."""
        return f"{_bracketed(self.host)}:{self.port}"


def _bracketed(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    # A socket that serves both families shows its IPv4 peers under mapped addresses.
    return str(address.ipv4_mapped or f"[{address}]")


@dataclass(frozen=True, slots=True)
class TargetName:
    """A target: its iSCSI name, what people call it, and the initiators it is open to."""

    name: str
    alias: str = ""
    initiators: frozenset[str] | None = None
    """Names of the only initiators that may log in; None: all may."""

    def admits(self, initiator_name: str) -> bool:
        """Whether an initiator of that name may log in, once it has proven to be it."""
        return self.initiators is None or initiator_name in self.initiators


CredentialLookup: TypeAlias = Callable[[str | None, str], ChapCredentials | None]
"""From target name (None in a discovery session) and initiator name to what must be proven."""


def no_credentials(target_name: str | None, initiator_name: str) -> None:
    """The look-up of a node that knows no secrets."""


@dataclass(frozen=True, slots=True)
class Node:
    """All that the login and discovery need to know about us.

    An initiator that `credentials` knows has to prove itself; with `authentication_required`
    so has every other, which none but a known one can.
    """

    targets: Mapping[str, TargetName]
    portal_group_tag: int = 1
    advertised: tuple[PortalAddress, ...] = ()
    offer: Offer = field(default_factory=Offer)
    credentials: CredentialLookup = no_credentials
    authentication_required: bool = False

    @classmethod
    def of(cls, *targets: TargetName) -> "Node":
        """A node with these targets and everything else as it is by default."""
        return cls(by_name(targets))

    def target(self, name: str) -> TargetName | None:
        """The target of that name, whatever the case of its letters (section 4.2.7)."""
        return self.targets.get(name.lower())

    def portals_for(self, local: PortalAddress) -> tuple[PortalAddress, ...]:
        """The portals to tell an initiator that came in on `local`."""
        return self.advertised or (local,)


def by_name(targets: Iterable[TargetName]) -> dict[str, TargetName]:
    """Targets under the names that Node looks them up by."""
    return {target.name.lower(): target for target in targets}
