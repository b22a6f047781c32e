"""The public interface as a program uses it: checked by mypy, never run."""

from pathlib import Path

from pyvtl import Config, Gateway, __version__
from pyvtl.gateway.library import Library
from pyvtl.gateway.tape import Tape


async def serve(folder: Path) -> list[Tape]:
    config = Config(gateway={"data_dir": folder}, library={"drives": 2})
    async with Gateway(config) as gateway:
        library: Library = gateway.library
        name: str = gateway.changer_name
        print(__version__, name, gateway.portals[0].port)
        made: list[Tape] = await library.create_tapes(prefix="DEMO", count=2, size_bytes=1 << 30)
        await library.protect_tape(made[0].barcode, True)
        await library.delete_tape(made[1].barcode)
        return await library.list_tapes()


async def start_and_stop() -> None:
    gateway = Gateway()
    await gateway.start()
    await gateway.stop()
