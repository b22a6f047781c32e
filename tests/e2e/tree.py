"""The input of the end-to-end tests: real files of this machine, on a disk image for the guest."""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

LEAST_BYTES = 110 * 10**6
LARGEST_BYTES = 4 * 10**6
"""Larger files are left out: a tenth of the tree has to be about a tenth."""


def real_files() -> Iterator[Path]:
    """Files of the running Python's library and packages, in one order, without what it caches."""
    for place in ("stdlib", "purelib"):
        top = Path(sysconfig.get_paths()[place])
        for folder, subfolders, names in os.walk(top):
            subfolders[:] = sorted(set(subfolders) - {"__pycache__", "site-packages"})
            yield from (Path(folder, name) for name in sorted(names))


def make_tree(folder: Path, least_bytes: int = LEAST_BYTES) -> int:
    """Copy files under `folder` until they hold `least_bytes`; how many bytes they hold."""
    total = 0
    for file in real_files():
        if total >= least_bytes:
            break
        if file.is_symlink() or not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            continue
        copy = folder / file.relative_to(file.anchor)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
        total += copy.stat().st_size
    return total


def make_disk(image: Path, folder: Path, size_bytes: int) -> None:
    """An ext4 file system in `image` that holds what is in `folder`."""
    with image.open("wb") as file:
        file.truncate(size_bytes)
    command = ["mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "^has_journal"]
    # The environment's PATH of a plain user lacks the folder of system programs.
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    subprocess.run(
        [*command, "-d", str(folder), str(image)], check=True, env={**os.environ, "PATH": path}
    )
