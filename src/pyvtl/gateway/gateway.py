"""Puts it all together: settings in, a running library out, and a clean stop."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Final, Self

import structlog

from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.reading import StoreSource
from pyvtl.cloud.retrieving import Retriever
from pyvtl.cloud.turns import Turns
from pyvtl.cloud.uploading import Uploader, uploading
from pyvtl.config.model import Config
from pyvtl.device.changer.changer import MediumChanger
from pyvtl.device.drive.admission import AT_ONCE, Admission
from pyvtl.gateway import devices
from pyvtl.gateway.bandwidth import Bandwidth
from pyvtl.gateway.changer_type import ChangerTypes
from pyvtl.gateway.chap import Chap
from pyvtl.gateway.control_socket import listening_socket
from pyvtl.gateway.errors import told_as_gateway_errors
from pyvtl.gateway.events import Events
from pyvtl.gateway.figures import StorageFigures, local_figures, store_figures
from pyvtl.gateway.folder import DataFolder
from pyvtl.gateway.information import About, State
from pyvtl.gateway.ledger import Ledger
from pyvtl.gateway.library import Library
from pyvtl.gateway.life_cycle import LifeCycle
from pyvtl.gateway.object_store import (
    agree_once,
    opened_store,
    told_as_store_errors,
)
from pyvtl.gateway.owned import Owned
from pyvtl.gateway.portals import Portals
from pyvtl.gateway.service import (
    cache_limits,
    chap_credentials,
    master_secret,
    node,
    server_limits,
    uploading_pace,
)
from pyvtl.gateway.states import READ_ONLY
from pyvtl.gateway.status import LibraryStatus, library_status, store_status
from pyvtl.gateway.tags import GATEWAY, check_tags
from pyvtl.gateway.tape_shelf import TapeShelf
from pyvtl.iscsi.node import PortalAddress
from pyvtl.media.medium import Medium
from pyvtl.media.vault import Vault
from pyvtl.scsi.target import Target
from pyvtl.server.portal import Server
from pyvtl.store.dedup import Scope
from pyvtl.store.files import FileLayer, KeepsRoom
from pyvtl.store.repository import TAPES

log = structlog.get_logger()

DRIVE_OVERHEAD: Final = 4 << 20
"""What a drive takes of the disk beside the record bytes that it reserves, at most."""


class Gateway:
    """A library that initiators can log in to.  `async with Gateway(config)` serves it.

    After the start there are `gateway_id`, `library`, `life`, `portals` with their real ports, and
    those who look after the rest of what is kept.  Starting raises GatewayError.
    """

    gateway_id: str
    library: Library
    life: LifeCycle
    about: About
    chap: Chap
    bandwidth: Bandwidth
    changer_types: ChangerTypes
    vault: Vault
    uploader: Uploader | None = None

    def __init__(
        self,
        config: Config | None = None,
        files: FileLayer | None = None,
        objects: ObjectStore | None = None,
    ) -> None:
        """`files` is what tapes are kept on, when it is not the file system as it is.

        `objects` is the object store, when it is not the one that the settings name.
        """
        self.config: Final = config or Config()
        self._files, self._objects = files, objects
        self._turns = Turns()
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def portals(self) -> Sequence[PortalAddress]:
        """Where initiators connect."""
        return self._portals.addresses

    @property
    def changer_name(self) -> str:
        """Target name of the changer."""
        return devices.changer_name(self.gateway_id)

    @property
    def target_names(self) -> Sequence[str]:
        """Target names of all devices, the changer's first."""
        return [self.changer_name, *self.drive_names]

    @property
    def drive_names(self) -> Sequence[str]:
        """Target names of the drives, first drive first."""
        count = self.config.library.drives
        return [devices.drive_name(self.gateway_id, number) for number in range(1, count + 1)]

    async def start(self) -> None:
        """Serve.  Tapes that were in drives are loaded again while initiators log in."""
        async with AsyncExitStack() as stack:
            vault = self.vault = await self._open_vault(stack)
            await self._upload(vault, stack)
            self.library, self.life = await self._assemble(vault, stack)
            control = listening_socket(self.config.gateway.data_dir)
            stack.callback(control.close)
            await self._listen(stack)
            await stack.enter_async_context(self.life.running())
            await stack.enter_async_context(self._serve_control(control))
            self._running = stack.pop_all()
        log.info("gateway.started", gateway=self.gateway_id, portals=[str(p) for p in self.portals])

    async def stop(self) -> None:
        """Take no more commands, tell initiators, make everything durable, let go of all."""
        await self._running.aclose()
        log.info("gateway.stopped", gateway=self.gateway_id)

    def status(self) -> LibraryStatus:
        """The library as it is now."""
        status = library_status(
            self.gateway_id,
            self.portals,
            self.library,
            self.target_names,
            self._portals.sessions(),
        )
        if self.uploader is None:
            return status
        return replace(status, store=store_status(self._store_url, self.uploader))

    @property
    def _store_url(self) -> str:
        return self.config.store.url or "the store that was given"

    async def shut_down(self) -> None:
        """Take no logins until `open_up`, also after a restart; GatewayNotFoundError."""
        await self.about.enter(State.SHUT_DOWN)
        await self._portals.shut()

    async def open_up(self) -> None:
        """Take logins again; GatewayNotFoundError once it is deleted."""
        await self.about.enter(State.RUNNING)
        await self._portals.open()

    async def delete(self) -> None:
        """Serve no more, and be unknown to the management API: GatewayInUseError with tapes."""
        async with self.library.standing_still:
            await self.about.delete(len(self.library.barcodes()))
        await self._portals.shut()
        await self.life.tell_others()

    async def activate(
        self,
        key: str,
        name: str,
        zone: str,
        *,
        changer: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Serve again after a deletion, with these tags and no others.

        All is refused or nothing: ActivationKeyError, InvalidRequestError, TooManyTagsError.
        """
        check_tags(tags or {})
        self.about.check_activation(key, zone)
        if changer is not None:
            await self.change_changer(changer)
        await self.life.tags.replace(GATEWAY, tags or {})
        await self.about.activate(key, name, zone)
        await self._portals.open()
        await self.life.tell_others()

    async def change_changer(self, name: str) -> None:
        """Have the changer be another product; DeviceInUseError with an initiator logged in."""
        await self.changer_types.change(
            name,
            self.library,
            lambda: self._portals.sessions_of(self.changer_name),
            lambda: self._portals.end_sessions(self.changer_name, "the changer changed its type"),
        )

    async def figures(self) -> StorageFigures:
        """How much room there is for tapes, and what of it they use."""
        tapes = self.config.gateway.data_dir / TAPES
        if self._objects is None:
            return await local_figures(tapes)
        return await store_figures(self.vault, tapes, self.config.store.upload_buffer_limit)

    def _serve_control(self, listener: socket.socket) -> AbstractAsyncContextManager[None]:
        # aiohttp takes longer to import than all else together: initiators need not wait for it.
        from pyvtl.gateway.control import serve_control  # noqa: PLC0415 - see above

        return serve_control(listener, self)

    async def _open_vault(self, stack: AsyncExitStack) -> Vault:
        settings = self.config
        path = settings.gateway.data_dir
        folder = await asyncio.to_thread(DataFolder, path)
        stack.callback(folder.close)
        self.gateway_id = await asyncio.to_thread(folder.gateway_id, settings.gateway.id)
        await self._read_owned()
        store = settings.store
        with told_as_store_errors():
            if self._objects is None:
                self._objects = await opened_store(store, self.bandwidth, stack)
            if self._objects is not None:
                await agree_once(self._objects, self._store_url, self.gateway_id, path)
        source = None
        if self._objects is not None:
            source = StoreSource(self._objects, asyncio.get_running_loop())
        open_vault = partial(
            Vault,
            path,
            self._files or KeepsRoom(store.kept_disk),
            segment_bytes=settings.segment_bytes,
            dedup=Scope(store.dedup),
            dedup_entries=store.dedup_entries,
            secret=master_secret(settings),
            encrypt=store.encryption == "on",
            source=source,
            cache=await asyncio.to_thread(cache_limits, settings),
            told=_mended,
        )
        with told_as_gateway_errors():
            vault = await asyncio.to_thread(open_vault)
        stack.push_async_callback(asyncio.to_thread, vault.close)
        return vault

    async def _read_owned(self) -> None:
        """What is kept beside the tapes."""
        path = self.config.gateway.data_dir
        owned = await asyncio.to_thread(Owned.read, path, self.gateway_id, self.config)
        self.about, self.bandwidth = owned.about, owned.bandwidth
        self.changer_types = owned.changer_types
        self.chap = Chap(
            owned.credentials,
            chap_credentials(self.config),
            self.target_names,
            self._end_sessions,
        )

    async def _upload(self, vault: Vault, stack: AsyncExitStack) -> None:
        """Bring tapes into the object store, if there is one, until all drives are closed."""
        if self._objects is None:
            return
        pace = uploading_pace(self.config)
        self.uploader = Uploader(
            self._objects,
            self.gateway_id,
            vault,
            self._seal,
            pace,
            turns=self._turns,
            buffer_limit_bytes=self.config.store.upload_buffer_limit,
            headroom_bytes=self.config.library.drives * (self._reserve_bytes + DRIVE_OVERHEAD),
            fenced=self._refuse,
        )
        stop_seconds = self.config.store.stop_seconds
        await stack.enter_async_context(uploading(self.uploader, stop_seconds))

    async def _refuse(self, barcode: str) -> None:
        for bay in self.library.bays.values():
            await bay.refuse(barcode)

    def _admission(self) -> Admission:
        """With an object store, writers may not fill the disk faster than it is uploaded."""
        if self.uploader is None:
            return AT_ONCE
        return Admission(self._reserve_bytes, self.uploader.buffer)

    @property
    def _reserve_bytes(self) -> int:
        """How far ahead of what it accepts a drive takes disk space."""
        return min(AT_ONCE.reserve_bytes, self.config.segment_bytes)

    async def _seal(self, barcode: str) -> None:
        for bay in self.library.bays.values():
            await bay.seal(barcode)

    async def _assemble(self, vault: Vault, stack: AsyncExitStack) -> tuple[Library, LifeCycle]:
        """Changer and drives; what was in a drive is on its way into it."""
        ledger = await asyncio.to_thread(Ledger, self.config.gateway.data_dir)
        stack.push_async_callback(asyncio.to_thread, ledger.close)
        with told_as_gateway_errors():
            places = await asyncio.to_thread(vault.places)
            inventory = self.changer_types.inventory(places)
        opened, addresses = partial(open_volume, vault, ledger), inventory.geometry.drives
        bays = devices.bays(self.config, self.gateway_id, opened, addresses, self._admission())
        journal = self.changer_types.journal(vault, inventory)
        changer = MediumChanger(self.changer_types.product, inventory, bays, journal)
        events, shelf = Events(self.gateway_id), self._shelf(vault)
        library = Library(vault, changer, bays, ledger, events, shelf=shelf)
        life = LifeCycle(library, events, shelf, is_deleted=lambda: self.about.is_deleted)
        stack.push_async_callback(_close_drives, library)
        await library.take_stock()
        loading = asyncio.create_task(_load_again(changer))
        stack.push_async_callback(_finished, loading)
        return library, life

    def _shelf(self, vault: Vault) -> TapeShelf | None:
        """The archive, if there is an object store."""
        if self._objects is None:
            return None
        seconds = self.config.store.restore_poll_seconds
        retriever = Retriever(self._objects, self.config.gateway.data_dir, seconds)
        return TapeShelf(self._objects, self.gateway_id, vault, retriever, self._turns)

    async def _listen(self, stack: AsyncExitStack) -> None:
        for address in self.config.open_addresses:
            log.warning(
                "portal.open",
                address=str(address),
                risk="anybody who reaches this address can read, overwrite and move all tapes;"
                " set chap.user and chap.secret",
            )
        self._portals = Portals(self.config.portal.listen, self._make_server, self._targets())
        stack.push_async_callback(self._portals.shut)
        state = self.about.information.state
        if state is State.RUNNING:
            await self._portals.open()
        else:
            log.warning("portal.shut", state=state.value, remedy="pyvtl gateway start")

    def _end_sessions(self, target: str, reason: str) -> None:
        self._portals.end_sessions(target, reason)

    def _make_server(self, targets: Mapping[str, Target]) -> Server:
        return Server(
            node(self.config, self.target_names, self.chap.look_up),
            targets,
            limits=server_limits(self.config),
            max_connections=self.config.portal.max_connections,
        )

    def _targets(self) -> Mapping[str, Target]:
        units = [self.library.changer, *(bay.drive for bay in self.library.bays.values())]
        return {name: Target({0: u}) for name, u in zip(self.target_names, units, strict=True)}


def open_volume(vault: Vault, ledger: Ledger, barcode: str) -> Medium:
    """Open a tape, read-only if its status says so.  Blocks."""
    record = ledger.find(barcode)
    return vault.open(barcode, read_only=record is not None and record.status in READ_ONLY)


def _mended(barcode: str, what: str) -> None:
    log.warning("tape.mended", barcode=barcode, what=what)


async def _load_again(changer: MediumChanger) -> None:
    for barcode, failure in (await changer.restore()).items():
        log.error("tape.not_loaded", barcode=barcode, reason=str(failure))


async def _finished(task: asyncio.Task[None]) -> None:
    """Loading cannot be taken back in the middle: wait for its end."""
    await asyncio.wait([task])


async def _close_drives(library: Library) -> None:
    """Make all that was written durable, in all drives at once."""
    await library.changer.settle()
    drives = [bay.drive for bay in library.bays.values()]
    outcomes = await asyncio.gather(*(drive.close() for drive in drives), return_exceptions=True)
    for drive, outcome in zip(drives, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            log.error("drive.not_closed", drive=drive.identity.serial, reason=str(outcome))
