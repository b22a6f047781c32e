"""What the library is made of, and who uses it: `pyvtl library status`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyvtl.cloud.uploading import Uploader
from pyvtl.gateway.library import Library, SlotCount
from pyvtl.iscsi.node import PortalAddress
from pyvtl.media.inventory import ElementType
from pyvtl.server.sessions import SessionInfo


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """One initiator that is logged in to a device."""

    initiator: str
    alias: str
    address: str
    since: datetime


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """The changer or a drive.  `barcode` is the tape in it."""

    device: str
    target: str
    product: str
    serial: str
    element_address: int
    barcode: str | None
    sessions: Sequence[SessionStatus]


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """The object store, and the upload buffer in front of it.

    `reason` says why it is not reachable; `since` is when that changed last.
    `oldest_dirty_seconds` is how long the store has lacked something of a tape, at most.
    """

    url: str
    reachable: bool
    since: datetime
    reason: str | None
    upload_buffer_used_bytes: int
    upload_buffer_limit_bytes: int
    oldest_dirty_seconds: float | None


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """The whole library; `store` is None where none is set."""

    gateway_id: str
    portals: Sequence[str]
    slots: SlotCount
    import_export_slots: SlotCount
    devices: Sequence[DeviceStatus]
    store: StoreStatus | None = None


def store_status(url: str, uploader: Uploader) -> StoreStatus:
    """The object store as it is now."""
    reach, buffer = uploader.reach, uploader.buffer
    return StoreStatus(
        url=url,
        reachable=not reach.lost,
        since=reach.since,
        reason=reach.reason,
        upload_buffer_used_bytes=buffer.used_bytes,
        upload_buffer_limit_bytes=buffer.limit_bytes,
        oldest_dirty_seconds=uploader.oldest_dirty_seconds,
    )


def library_status(
    gateway_id: str,
    portals: Iterable[PortalAddress],
    library: Library,
    names: Sequence[str],
    sessions: Iterable[SessionInfo],
) -> LibraryStatus:
    """The library as it is now; `names` are those of the targets, the changer's first."""
    by_target = _sessions_by_target(sessions)
    addresses = [library.geometry.transport.start, *library.geometry.drives]
    labels = ["changer", *(f"drive {number}" for number in range(len(library.bays)))]
    units = [library.changer, *(bay.drive for bay in library.bays.values())]
    return LibraryStatus(
        gateway_id=gateway_id,
        portals=[str(portal) for portal in portals],
        slots=library.count(ElementType.STORAGE),
        import_export_slots=library.count(ElementType.IMPORT_EXPORT),
        devices=[
            DeviceStatus(
                device=label,
                target=name,
                product=f"{unit.identity.vendor} {unit.identity.product}",
                serial=unit.identity.serial,
                element_address=address,
                barcode=library.changer.inventory.volume_at(address),
                sessions=by_target.get(name, ()),
            )
            for label, name, unit, address in zip(labels, names, units, addresses, strict=True)
        ],
    )


def _sessions_by_target(sessions: Iterable[SessionInfo]) -> dict[str | None, list[SessionStatus]]:
    found: dict[str | None, list[SessionStatus]] = {}
    for info in sessions:
        status = SessionStatus(info.initiator, info.alias, info.address, info.since)
        found.setdefault(info.target, []).append(status)
    return found
