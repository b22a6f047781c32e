"""A tape library in a few lines: two drives, four tapes, on this machine until Ctrl-C."""

import asyncio
from pathlib import Path

from pyvtl import Config, Gateway


async def main(folder: Path = Path("library"), portal: str = "127.0.0.1:3260") -> None:
    config = Config(
        gateway={"data_dir": folder},
        portal={"listen": [portal]},
        library={"drives": 2, "slots": 16, "import_export_slots": 8},
    )
    async with Gateway(config) as gateway:
        if not await gateway.library.list_tapes():
            await gateway.library.create_tapes(prefix="DEMO", count=4, size_bytes=10 << 30)
        print("targets:", gateway.changer_name, *gateway.drive_names)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
