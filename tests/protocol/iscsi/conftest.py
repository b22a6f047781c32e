"""What the tests of the login start from: a node with two targets, and an initiator's steps."""

import pytest

from pyvtl.iscsi.chap import ChapCredentials
from pyvtl.iscsi.node import Node, TargetName, by_name
from tests.login_client import ALICE, DRIVE, SECRETS

OTHER = "iqn.2026-01.example:vtl-drive-02"


@pytest.fixture
def node() -> Node:
    """Two targets, of which the second is open to one initiator, and no authentication."""
    return Node(
        by_name([TargetName(DRIVE, "drive 1"), TargetName(OTHER, initiators=frozenset({ALICE}))])
    )


@pytest.fixture
def guarded(node: Node) -> Node:
    """The same node when everybody must prove who they are, and only one initiator can."""

    def credentials(target_name: str | None, initiator_name: str) -> ChapCredentials | None:
        return SECRETS if initiator_name == ALICE else None

    return Node(node.targets, credentials=credentials, authentication_required=True)
