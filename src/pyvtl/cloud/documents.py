"""The JSON documents in the store: frozen, each with the version of its form."""

import json
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pyvtl.cloud.refusals import DocumentError

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
GatewayId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
Whereabouts = Annotated[str, Field(pattern=r"^([0-9a-f]{8}|archive/[A-Za-z0-9]+)$")]
"""Whose the prefix is that a pack lies in: a gateway's, or that of an archived tape."""
Barcode = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$")]
Count = Annotated[int, Field(ge=0)]


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Document(_Values):
    """What every document begins with."""

    newest: ClassVar[int] = 1
    """The latest version that is known; a later one is refused by its name."""
    format: Annotated[int, Field(ge=1)] = 1


class Repository(Document):
    """`repository.json`, the same in the store and in every data folder that shares it."""

    repository_id: Id
    hash_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]


class GatewayDocument(Document):
    """`gateways/<id>.json`: a gateway that has packs here, and who looks after them if it is lost.

    To one that is `deleted` no tape is retrieved; `seen_at` is when it last said that it is there.
    Format 1 has no `adopted_by`, 2 neither `deleted` nor `seen_at`.
    """

    newest: ClassVar[int] = 3
    format: Annotated[int, Field(ge=1)] = 3
    gateway_id: GatewayId
    repository_id: Id
    adopted_by: GatewayId | None = None
    deleted: bool = False
    seen_at: Count | None = None


class Archive(_Values):
    """What is to be known of a tape in the archive without reading more.  Times as in a label.

    Until `locked_until` nobody may delete it, but who may bypass a GOVERNANCE lock.
    """

    archived_at: Count
    capacity_bytes: Count
    used_bytes: Count
    created_at: Count
    worm: bool
    pool: str
    storage_class: str
    pool_entered_at: Count | None = None
    retention_started_at: Count | None = None
    retention_lock: Literal["NONE", "GOVERNANCE", "COMPLIANCE"] = "NONE"
    locked_until: Count | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class Pool(Document):
    """`pools/<id>.json`: a custom pool, which all gateways share."""

    id: str
    name: str
    storage_class: Literal["GLACIER", "DEEP_ARCHIVE"]
    retention_lock: Literal["NONE", "GOVERNANCE", "COMPLIANCE"]
    lock_days: Count
    status: Literal["ACTIVE", "DELETED"]


class Head(Document):
    """`tapes/<barcode>/head.json`: whose the tape is, and the manifest that counts.

    `nonce` is another one in every head ever written, so that a writer knows its own.  `earlier`
    are the manifests before, the latest first.  `archive` is there from when the tape is archived
    on, also while it is being retrieved and while it is retrieved, by the owner; it cannot be
    written then.  Format 1 has none, nor such states.
    """

    newest: ClassVar[int] = 2
    format: Annotated[int, Field(ge=1)] = 2
    barcode: Barcode
    tape_id: Id
    owner: GatewayId
    epoch: Count
    generation: Count
    state: Literal["active", "deleted", "archived", "retrieving", "retrieved"]
    manifest: str | None
    earlier: tuple[str, ...] = ()
    nonce: Id
    archive: Archive | None = None


class End(_Values):
    """The end of data of a partition."""

    objects: Count
    filemarks: Count
    bytes: Count


class PackEntry(_Values):
    """A pack that a tape needs, whose gateway wrote it, and where its header and footer are."""

    pack_id: Id
    gateway: Whereabouts
    sequence: Count
    length: Count
    crc32c: Annotated[int, Field(ge=0, lt=1 << 32)]
    map: str
    map_offset: Count
    map_length: Count


class Manifest(Document):
    """A recovery point: the label of a tape, and its packs up to a COMMIT, in their order.

    `others` are packs that these refer to: of other tapes, or of an older generation.  `key` names
    the wrapped data key of an encrypted tape.  Format 1 has neither, and 2 no `taken_at`.
    """

    newest: ClassVar[int] = 3
    format: Annotated[int, Field(ge=1)] = 3
    barcode: Barcode
    tape_id: Id
    capacity_bytes: Count
    created_at: Count
    gateway: GatewayId
    generation: Count
    epoch: Count
    write_protected: bool
    worm: bool = False
    ends: tuple[End, ...]
    packs: tuple[PackEntry, ...]
    others: tuple[PackEntry, ...] = ()
    key: Id | None = None
    taken_at: Count | None = None

    @property
    def entries(self) -> tuple[PackEntry, ...]:
        """Every pack that the tape needs."""
        return self.packs + self.others


AnyDocument = TypeVar("AnyDocument", bound=Document)


def encode(document: Document) -> bytes:
    """A document as it stands in the store."""
    return document.model_dump_json().encode() + b"\n"


def decode(kind: type[AnyDocument], key: str, data: bytes) -> AnyDocument:
    """The document in the bytes of an object.  Raises DocumentError, which names the key."""
    try:
        _check_version(kind, key, json.loads(data))
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DocumentError(f"{key} cannot be read: {where}: {first['msg']}") from None
    except ValueError as error:
        raise DocumentError(f"{key} cannot be read: {error}") from None


def _check_version(kind: type[Document], key: str, kept: object) -> None:
    version = kept.get("format") if isinstance(kept, dict) else None
    if isinstance(version, int) and version > kind.newest:
        raise DocumentError(
            f"{key} has format {version}, and this version of pyvtl knows {kind.newest}:"
            " use the version that wrote it"
        )
