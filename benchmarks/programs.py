"""What the suite needs beside Python: Debian packages, and the programs in `native/`, compiled."""

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).with_name("native")
BUILT: Final = Path(__file__).parents[1] / "build" / "benchmarks"
PACKAGES: Final = ("gcc", "libc6-dev", "libiscsi-dev")
TEXT_BYTES: Final = 64 << 20

COMPILER: Final = ("cc", "-O2", "-march=native", "-Wall", "-Wextra")
PROGRAMS: Final = {
    "tapebench": ("tapebench.c", "-liscsi", "-lpthread", "-lm"),
    "tapebench-raw": ("-DTB_DATA_DIGEST", "tapebench.c", "raw_iscsi.c", "-lpthread", "-lm"),
    "sink": ("sink.c",),
    "counting.so": ("-fno-builtin", "-shared", "-fPIC", "counting.c", "-ldl"),
}


@dataclass(frozen=True, slots=True)
class Programs:
    """Where they are."""

    tapebench: Path
    """Load over libiscsi."""
    raw: Path
    """The same load over an initiator of our own, which knows the data digest."""
    sink: Path
    """The target that only acknowledges."""
    counting: Path
    """A library to preload, which counts copies, allocations and system calls."""
    text: Path
    """Source code, for loads of text."""


def install(*packages: str) -> None:
    """Install those Debian packages that are missing, as root or with sudo."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\n", *packages]
    listed = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    there = {line.split()[-1] for line in listed.splitlines() if line.startswith("ii")}
    missing = sorted(set(packages) - there)
    if not missing:
        return
    print(f"apt: {' '.join(missing)}", flush=True)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-E"]
    get = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    subprocess.run([*get, "update"], check=True)
    arguments = ["install", "-y", "--no-install-recommends", *missing]
    subprocess.run([*get, *arguments], check=True, stdout=subprocess.DEVNULL)


def programs(*more_packages: str) -> Programs:
    """Install what is missing and compile what has changed."""
    install(*PACKAGES, *more_packages)
    BUILT.mkdir(parents=True, exist_ok=True)
    for name, arguments in PROGRAMS.items():
        _compile(BUILT / name, arguments)
    text = BUILT / "text"
    if not text.exists():
        _write_text(text)
    return Programs(
        BUILT / "tapebench", BUILT / "tapebench-raw", BUILT / "sink", BUILT / "counting.so", text
    )


def _compile(program: Path, arguments: tuple[str, ...]) -> None:
    newest = max(file.stat().st_mtime for file in SOURCES.iterdir())
    if not program.exists() or program.stat().st_mtime < newest:
        command = [*COMPILER, "-o", str(program), *arguments]
        subprocess.run(command, check=True, cwd=SOURCES)


def _write_text(file: Path) -> None:
    """The source code of Python's standard library, as it comes, up to 64 MiB."""
    partial = file.with_suffix(".partial")
    with partial.open("wb") as out:
        for source in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
            if out.tell() < TEXT_BYTES and "site-packages" not in source.parts:
                out.write(source.read_bytes())
    partial.rename(file)
