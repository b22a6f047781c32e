"""The real S3 server that tests share, as a fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.seaweed import Seaweed, seaweed


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """With TLS beside plain HTTP; its authority is `ca.pem` in its folder."""
    folder = tmp_path_factory.mktemp("seaweed")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with seaweed(folder, certificate(authority, folder)) as server:
        yield server


def certificate(authority: trustme.CA, folder: Path) -> tuple[Path, Path]:
    """Files of a certificate for this machine, and of its key."""
    issued = authority.issue_cert("127.0.0.1")
    paths = folder / "server.pem", folder / "server.key"
    issued.cert_chain_pems[0].write_to_path(paths[0])
    issued.private_key_pem.write_to_path(paths[1])
    return paths
