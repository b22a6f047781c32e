"""The programs in examples/ do what they say."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.initiator.devices import discover
from tests.ports import free_port, wait_for_port
from tests.serving import ENVIRONMENT


def test_minimal(tmp_path: Path) -> None:
    port = free_port()
    call = f"asyncio.run(minimal.main(portal='127.0.0.1:{port}'))"
    # Whoever runs the tests in the background may have them ignore the signal.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    code += f"import asyncio, sys; sys.path.append({str(Path('examples').resolve())!r});"
    command = [sys.executable, "-c", f"{code} import minimal; {call}"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        wait_for_port(port)
        assert len(discover("127.0.0.1", port)) == 3
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
