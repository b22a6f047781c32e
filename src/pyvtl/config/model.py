"""Every setting there is: its section, name, default and bounds."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from pyvtl.cloud.location import Location, parse_location
from pyvtl.cloud.patience import Patience
from pyvtl.cloud.s3_options import AddressingStyle, Encryption, S3Options
from pyvtl.config.api import ApiSection
from pyvtl.config.folder import default_data_dir
from pyvtl.config.rates import RateSettings
from pyvtl.config.section import Section
from pyvtl.config.types import Portals, Seconds, Size, is_loopback
from pyvtl.iscsi.node import PortalAddress
from pyvtl.media.inventory import Geometry

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SEGMENTS_PER_DRIVE, SMALLEST_SEGMENT = 4, 4 * MIB
LAST_ELEMENT_ADDRESS = 0xFFFF
MASTER_KEY = re.compile(rb"[0-9a-fA-F]{64}")
MIN_PASSPHRASE = 12
MIN_SECRET, MAX_SECRET = 12, 16
"""CHAP secrets in bytes: RFC 7143 section 12.1.3 asks for 96 bits, initiators take up to 16."""


class GatewaySection(Section):
    """Who this gateway is, and where it keeps everything."""

    id: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{8}$",
        description="8 lower-case hex digits in all target names; made at the first start",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir, description="folder of the tapes and of all state"
    )


def _at_least_one(addresses: tuple[PortalAddress, ...]) -> tuple[PortalAddress, ...]:
    if not addresses:
        raise ValueError("at least one address is needed")
    return addresses


class PortalSection(Section):
    """Where initiators connect, and how long each may take."""

    listen: Annotated[Portals, AfterValidator(_at_least_one)] = Field(
        (PortalAddress("127.0.0.1"),), description="addresses to serve iSCSI on, HOST:PORT"
    )
    advertise: Portals = Field(
        (), description="addresses to tell initiators, if other than those that they came in on"
    )
    insecure_no_auth: bool = Field(
        False, description="serve addresses other than loopback without CHAP"
    )
    max_connections: int = Field(256, ge=1, le=65535, description="connections at a time")
    login_timeout: Seconds = Field(15, gt=0, description="time from connecting to the end of login")
    ping_after: Seconds = Field(30, gt=0, description="silence after which an initiator is pinged")
    ping_timeout: Seconds = Field(30, gt=0, description="time for the answer to a ping")


class ChapSection(Section):
    """What initiators have to know, and what targets prove to them."""

    user: str | None = Field(None, min_length=1, description="name that initiators log in with")
    secret: SecretStr | None = Field(None, description="their secret, 12 to 16 bytes")
    secret_file: Path | None = Field(None, description="file that holds the secret instead")
    mutual_user: str | None = Field(
        None, min_length=1, description="name that targets prove themselves with"
    )
    mutual_secret: SecretStr | None = Field(None, description="secret of the targets")
    mutual_secret_file: Path | None = Field(None, description="file that holds it instead")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _check_account("user", self.user, "secret", self.secret, self.secret_file)
        _check_account(
            "mutual_user",
            self.mutual_user,
            "mutual_secret",
            self.mutual_secret,
            self.mutual_secret_file,
        )
        if self.mutual_user is not None and self.user is None:
            raise ValueError("mutual_user needs user: targets prove themselves to known initiators")
        ours, theirs = self.secret_bytes, self.mutual_secret_bytes
        if ours is not None and ours == theirs:
            raise ValueError("secret and mutual_secret must differ (RFC 7143 section 12.1.3)")
        return self

    @property
    def secret_bytes(self) -> bytes | None:
        """The secret of the initiators, from wherever it is kept."""
        return _secret(self.secret, self.secret_file)

    @property
    def mutual_secret_bytes(self) -> bytes | None:
        """The secret of the targets, from wherever it is kept."""
        return _secret(self.mutual_secret, self.mutual_secret_file)


def _secret(value: SecretStr | None, file: Path | None) -> bytes | None:
    if value is not None:
        return value.get_secret_value().encode()
    return file.read_bytes().rstrip(b"\r\n") if file is not None else None


def _check_account(
    user_key: str, user: str | None, secret_key: str, value: SecretStr | None, file: Path | None
) -> None:
    """Raise ValueError unless there is neither name nor secret, or a name and one good secret."""
    if value is not None and file is not None:
        raise ValueError(f"give {secret_key} or {secret_key}_file, not both")
    try:
        secret = _secret(value, file)
    except OSError as error:
        raise ValueError(f"{secret_key}_file cannot be read: {error}") from None
    if (user is None) != (secret is None):
        raise ValueError(f"{user_key} and {secret_key} (or {secret_key}_file) go together")
    if secret is not None and not MIN_SECRET <= len(secret) <= MAX_SECRET:
        raise ValueError(f"{secret_key} must have {MIN_SECRET} to {MAX_SECRET} bytes")


Count = Annotated[int, Field(ge=1, le=LAST_ELEMENT_ADDRESS)]
ElementAddress = Annotated[int, Field(ge=0, le=LAST_ELEMENT_ADDRESS)]


class LibrarySection(Section):
    """How many elements the library has, and under which addresses hosts see them."""

    drives: int = Field(10, ge=1, le=99, description="tape drives")
    slots: Count = Field(1600, description="storage slots")
    import_export_slots: Count = Field(1600, description="import/export slots")
    transport_address: ElementAddress = Field(0, description="element address of the robot arm")
    first_drive_address: ElementAddress = Field(10000, description="of the first drive")
    first_slot_address: ElementAddress = Field(20000, description="of the first storage slot")
    first_import_export_address: ElementAddress = Field(
        30000, description="of the first import/export slot"
    )

    @model_validator(mode="after")
    def _addresses_apart(self) -> Self:
        _ = self.geometry
        return self

    @property
    def geometry(self) -> Geometry:
        """The element addresses; ValueError where they overlap."""
        return Geometry(
            transport=_row(self.transport_address, 1),
            drives=_row(self.first_drive_address, self.drives),
            slots=_row(self.first_slot_address, self.slots),
            import_export=_row(self.first_import_export_address, self.import_export_slots),
        )


def _row(first: int, count: int) -> range:
    return range(first, first + count)


class DriveSection(Section):
    """What is the same for all drives."""

    default_block_length: int = Field(
        64 * KIB, ge=0, le=MIB, description="fixed block length after power on; 0 is variable"
    )
    early_warning: Size = Field(
        64 * MIB, ge=0, description="distance of early warning from the end of the tape"
    )
    buffer: Size = Field(64 * MIB, ge=4 * MIB, description="the most that one drive may buffer")
    memory: Size = Field(
        192 * MIB, ge=8 * MIB, description="the most that all drives may buffer together"
    )


def _as_location(text: str) -> str:
    return str(parse_location(text))


class StoreSection(RateSettings):
    """How tapes lie on the disk, and the object store that they are uploaded to."""

    segment_size: Size = Field(
        256 * MIB,
        ge=SMALLEST_SEGMENT,
        le=4 * GIB,
        description="size of the files of a tape, at most",
    )
    dedup: Literal["pool", "tape", "off"] = Field(
        "pool",
        description="refer to blocks stored already: of all tapes, of the same tape, or none",
    )
    dedup_entries: int = Field(
        100_000_000, ge=100_000, description="blocks of 64 KiB that dedup remembers, about"
    )
    encryption: Literal["off", "on"] = Field(
        "off", description="whether new tapes are encrypted; it takes a key or a passphrase"
    )
    encryption_key_file: Path | None = Field(
        None, description="file that holds the master key, 64 hex digits"
    )
    encryption_key: SecretStr | None = Field(None, description="the master key itself instead")
    encryption_passphrase: SecretStr | None = Field(
        None, description="a passphrase to make the master key from instead, 12 bytes or more"
    )
    url: Annotated[str, AfterValidator(_as_location)] | None = Field(
        None, description="the object store: dir:PATH or s3://BUCKET/PREFIX"
    )
    upload_buffer_limit: Size = Field(
        32 * GIB,
        ge=16 * MIB,
        description="the most of what is written that may wait on the disk to be uploaded, about",
    )
    kept_disk: Size = Field(
        256 * MIB, ge=0, description="what tapes leave of the disk for the catalog and the index"
    )
    idle_seconds: Seconds = Field(
        30, gt=0, description="time without a write after which a tape in a drive is uploaded"
    )
    recovery_point_seconds: Seconds = Field(
        60, gt=0, description="time after which a tape that is being written is uploaded so far"
    )
    retry_seconds: Seconds = Field(
        30, gt=0, description="the longest wait before an object store that is gone is asked again"
    )
    restore_poll_seconds: Seconds = Field(
        60, gt=0, description="how often to ask whether an archived tape has been restored"
    )
    stop_seconds: Seconds = Field(
        10, ge=0, description="time that a stop gives to what is being uploaded"
    )
    endpoint_url: str | None = Field(
        None, pattern=r"^https?://[^/]", description="address of the S3 service, if not Amazon's"
    )
    region: str | None = Field(
        None, min_length=1, description="region of the bucket; else as the AWS settings say"
    )
    addressing_style: AddressingStyle = Field(
        "auto", description="where the bucket's name goes: path or virtual (host); auto for both"
    )
    ca_bundle: Path | None = Field(
        None, description="certificates of the authorities that the S3 service is trusted by"
    )
    storage_class: str | None = Field(
        None, pattern=r"^[A-Z_]+$", description="class of what is written; else STANDARD"
    )
    sse: Encryption | None = Field(
        None, description="server-side encryption; else as the bucket says"
    )
    sse_kms_key_id: str | None = Field(
        None, min_length=1, description="key for it, with sse = aws:kms or aws:kms:dsse"
    )
    connect_timeout: Seconds = Field(10, gt=0, description="time to reach the S3 service")
    read_timeout: Seconds = Field(60, gt=0, description="time for the next bytes of its answer")
    attempts: int = Field(5, ge=1, le=100, description="how often to try what it does not answer")

    @model_validator(mode="after")
    def _encryption_complete(self) -> Self:
        given = (self.encryption_key_file, self.encryption_key, self.encryption_passphrase)
        ways = sum(way is not None for way in given)
        if ways > 1:
            raise ValueError(
                "give one of encryption_key_file, encryption_key and encryption_passphrase"
            )
        if self.encryption == "on" and not ways:
            raise ValueError("encryption needs encryption_key_file or encryption_passphrase")
        _ = self.master_key
        if (phrase := self.passphrase) is not None and len(phrase) < MIN_PASSPHRASE:
            raise ValueError(f"encryption_passphrase must have {MIN_PASSPHRASE} bytes or more")
        return self

    @property
    def master_key(self) -> bytes | None:
        """The 32 bytes, from wherever they are kept."""
        try:
            text = _secret(self.encryption_key, self.encryption_key_file)
        except OSError as error:
            raise ValueError(f"encryption_key_file cannot be read: {error}") from None
        if text is None:
            return None
        if not MASTER_KEY.fullmatch(text):
            raise ValueError("the encryption key must be 64 hex digits: openssl rand -hex 32")
        return bytes.fromhex(text.decode())

    @property
    def passphrase(self) -> bytes | None:
        """What a master key is made from, when none is given."""
        phrase = self.encryption_passphrase
        return phrase.get_secret_value().encode() if phrase is not None else None

    @model_validator(mode="after")
    def _key_for_kms(self) -> Self:
        if self.sse_kms_key_id is not None and self.sse in (None, "AES256"):
            raise ValueError("sse_kms_key_id needs sse = aws:kms or aws:kms:dsse")
        return self

    @property
    def location(self) -> Location | None:
        """What `url` names."""
        return None if self.url is None else parse_location(self.url)

    @property
    def s3(self) -> S3Options:
        """How to reach the S3 service."""
        return S3Options(
            endpoint_url=self.endpoint_url,
            region=self.region,
            addressing_style=self.addressing_style,
            ca_bundle=self.ca_bundle,
            storage_class=self.storage_class,
            sse=self.sse,
            sse_kms_key_id=self.sse_kms_key_id,
            connect_seconds=self.connect_timeout,
            read_seconds=self.read_timeout,
        )

    @property
    def patience(self) -> Patience:
        """How often to ask it again."""
        return Patience(self.attempts)


class CacheSection(Section):
    """How much of what the object store has too may lie here."""

    limit: Size | None = Field(
        None,
        ge=0,
        description="the most that uploaded segments and what is read back may take of the disk;"
        " else 100GiB, or half of the disk if that is less",
    )


class LogsSection(Section):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that is logged"
    )
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: for people on a terminal, else a JSON object a line"
    )


class Config(Section):
    """All settings.  `Config(...)` takes what it is given; `load` asks file and environment too."""

    gateway: GatewaySection = Field(default_factory=GatewaySection)
    portal: PortalSection = Field(default_factory=PortalSection)
    chap: ChapSection = Field(default_factory=ChapSection)
    library: LibrarySection = Field(default_factory=LibrarySection)
    drive: DriveSection = Field(default_factory=DriveSection)
    store: StoreSection = Field(default_factory=StoreSection)
    cache: CacheSection = Field(default_factory=CacheSection)
    api: ApiSection = Field(default_factory=ApiSection)
    logs: LogsSection = Field(default_factory=LogsSection)

    @property
    def segment_bytes(self) -> int:
        """Size of the files of a tape: the upload buffer has room for four for each drive."""
        share = self.store.upload_buffer_limit // (SEGMENTS_PER_DRIVE * self.library.drives)
        return min(self.store.segment_size, share)

    @model_validator(mode="after")
    def _buffer_for_all_drives(self) -> Self:
        needed = SEGMENTS_PER_DRIVE * SMALLEST_SEGMENT * self.library.drives
        if self.store.upload_buffer_limit < needed:
            raise ValueError(
                f"store.upload_buffer_limit is too small for library.drives ="
                f" {self.library.drives}: at least {needed // MIB}MiB"
            )
        return self

    @property
    def open_addresses(self) -> tuple[PortalAddress, ...]:
        """The portals that anybody may log in to although other machines reach them."""
        if self.chap.user is not None:
            return ()
        return tuple(address for address in self.portal.listen if not is_loopback(address))

    @model_validator(mode="after")
    def _closed_unless_told(self) -> Self:
        if self.open_addresses and not self.portal.insecure_no_auth:
            named = ", ".join(map(str, self.open_addresses))
            raise ValueError(
                f"portal.listen = {named} is open to other machines: set chap.user and chap.secret,"
                " listen on 127.0.0.1, or accept the risk with --insecure-no-auth"
            )
        return self
