"""Settings of the AWS Storage Gateway API."""

from pathlib import Path
from typing import Final, Self

from pydantic import Field, SecretStr, model_validator

from pyvtl.config.section import Section
from pyvtl.config.types import API_PORT, ApiAddress
from pyvtl.iscsi.node import PortalAddress

MIN_API_SECRET: Final = 16


class ApiSection(Section):
    """The AWS Storage Gateway API: where, and what its clients sign with."""

    listen: ApiAddress = Field(
        PortalAddress("127.0.0.1", API_PORT), description="address to serve it on, or off"
    )
    region: str = Field(
        "us-east-1", pattern=r"^[a-z0-9-]{1,25}$", description="region that clients have to name"
    )
    account_id: str = Field(
        "000000000000",
        pattern=r"^\d{12}$",
        description="account in the names of tapes and all else",
    )
    access_key_id: str | None = Field(
        None, pattern=r"^\w{16,128}$", description="key id; made at the first start if not set"
    )
    secret_access_key: SecretStr | None = Field(None, description="the secret to it")
    secret_access_key_file: Path | None = Field(None, description="file that holds it instead")
    tls_cert: Path | None = Field(None, description="certificate, to serve HTTPS (PEM)")
    tls_key: Path | None = Field(None, description="the private key to it (PEM)")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.secret_access_key is not None and self.secret_access_key_file is not None:
            raise ValueError("give secret_access_key or secret_access_key_file, not both")
        try:
            secret = self.secret
        except OSError as error:
            raise ValueError(f"secret_access_key_file cannot be read: {error}") from None
        if (self.access_key_id is None) != (secret is None):
            raise ValueError(
                "access_key_id and secret_access_key (or secret_access_key_file) go together"
            )
        if secret is not None and len(secret) < MIN_API_SECRET:
            raise ValueError(f"secret_access_key must have {MIN_API_SECRET} characters or more")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        return self

    @property
    def secret(self) -> str | None:
        """The secret access key, from wherever it is kept."""
        if self.secret_access_key is not None:
            return self.secret_access_key.get_secret_value()
        file = self.secret_access_key_file
        return file.read_text().rstrip("\r\n") if file is not None else None
