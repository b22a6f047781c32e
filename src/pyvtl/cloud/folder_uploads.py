"""Multipart uploads as folders with a file for each part; calls block."""

import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pyvtl.cloud.digest import digest_of, file_digest, keep_digest
from pyvtl.cloud.errors import CorruptDataError, NotFoundError
from pyvtl.cloud.folder import Draft, Folder
from pyvtl.cloud.folder_objects import FolderObjects, copy_file
from pyvtl.cloud.objects import Condition, ObjectInfo, Part, Upload, check_key, check_parts
from pyvtl.wire.layout import Buffer

KEY = "key"
"""The file that tells what an upload is to become; the others are its parts."""


class FolderUploads:
    """What `DirectoryStore` does with uploads."""

    def __init__(self, folder: Folder, objects: FolderObjects) -> None:
        self._folder = folder
        self._objects = objects
        self._uploads = folder.private / "uploads"

    def begin(self, key: str) -> Upload:
        upload = Upload(check_key(key), secrets.token_hex(16))
        with self._folder.draft() as draft:
            draft.write(key.encode())
            os.fsync(draft.fd)
            with self._folder.locked():
                self._folder.move(draft.path, self._uploads / upload.id / KEY)
        return upload

    def _place(self, upload: Upload) -> Path:
        place = self._uploads / upload.id
        if not upload.id.isalnum() or not (place / KEY).exists():
            raise NotFoundError(f"there is no upload {upload.id} of {upload.key}")
        return place

    def send(self, upload: Upload, number: int, data: Buffer) -> Part:
        self._place(upload)
        with self._folder.draft() as draft:
            draft.write(data)
            digest = digest_of(data)
            keep_digest(draft.fd, digest)
            os.fsync(draft.fd)
            with self._folder.locked():
                self._folder.move(draft.path, self._place(upload) / str(number))
        return Part(number, digest.size, digest.etag, digest.crc32c)

    def parts(self, upload: Upload) -> tuple[Part, ...]:
        place = self._place(upload)
        numbers = sorted(int(file.name) for file in place.iterdir() if file.name != KEY)
        return tuple(_part(place, number) for number in numbers)

    def uploads(self, prefix: str) -> tuple[Upload, ...]:
        self._folder.root.stat()
        found = []
        with suppress(FileNotFoundError):
            for place in self._uploads.iterdir():
                with suppress(FileNotFoundError):
                    found.append(Upload((place / KEY).read_text(), place.name))
        return tuple(upload for upload in found if upload.key.startswith(prefix))

    def complete(
        self, upload: Upload, parts: Sequence[Part], when: Condition, crc32c: int | None
    ) -> ObjectInfo:
        place = self._place(upload)
        check_parts(parts)
        with self._folder.draft() as draft:
            self._join(place, parts, draft)
            digest = file_digest(draft.fd)
            if crc32c not in (None, digest.crc32c):
                raise CorruptDataError(f"the whole of {upload.key} is not as told")
            info = self._objects.publish(draft, upload.key, when, digest)
        self.abort(upload)
        return info

    def _join(self, place: Path, parts: Sequence[Part], draft: Draft) -> None:
        offset = 0
        for part in parts:
            fd = _open_part(place, part.number)
            try:
                if file_digest(fd).etag != part.etag:
                    raise CorruptDataError(f"part {part.number} of {place.name} is not as told")
                offset = copy_file(fd, draft, offset)
            finally:
                os.close(fd)

    def abort(self, upload: Upload) -> None:
        """The key goes first: without it there is no upload, whatever is left."""
        with suppress(NotFoundError), self._folder.locked():
            place = self._place(upload)
            self._folder.remove(place / KEY)
            shutil.rmtree(place, ignore_errors=True)


def _open_part(place: Path, number: int) -> int:
    try:
        return os.open(place / str(number), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise CorruptDataError(f"part {number} of {place.name} is not there") from None


def _part(place: Path, number: int) -> Part:
    fd = _open_part(place, number)
    try:
        digest = file_digest(fd)
    finally:
        os.close(fd)
    return Part(number, digest.size, digest.etag, digest.crc32c)
