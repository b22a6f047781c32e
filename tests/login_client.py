"""An initiator's end of a login, for tests: sends a step, and says what came back."""

import hashlib
from typing import Any

from pyvtl.iscsi import text
from pyvtl.iscsi.chap import ChapCredentials
from pyvtl.iscsi.codes import LoginStatus
from pyvtl.iscsi.login import Established, Login, LoginStep
from pyvtl.iscsi.node import Node, PortalAddress
from pyvtl.iscsi.pdu import LoginRequest

ALICE = "iqn.2026-01.example:alice"
DRIVE = "iqn.2026-01.example:vtl-drive-01"
SECRETS = ChapCredentials("alice", b"initiator-secret", "library", b"target--secret--")
PORTAL = PortalAddress("192.0.2.1", 3260)
ISID = bytes.fromhex("00023d000001")
TSIH = 7
SECURITY, OPERATIONAL, FULL_FEATURE = 0, 1, 3

NORMAL = {"InitiatorName": ALICE, "TargetName": DRIVE}
DISCOVERY = {"InitiatorName": ALICE, "SessionType": "Discovery"}
PLAIN = {"AuthMethod": "None"}
CHAP = {"AuthMethod": "CHAP,None"}


def start(node: Node, *sessions: tuple[str, int]) -> Login:
    """A login that begins; `sessions` are those that exist, by initiator name and handle."""
    known = set(sessions)
    return Login(node, PORTAL, tsih=TSIH, has_session=lambda *session: session in known)


def request(stage: int, following: int | None = None, **fields: Any) -> LoginRequest:
    """A Login Request; with `following` it asks for the transit."""
    values: dict[str, Any] = {"isid": ISID, "cid": 1, "initiator_task_tag": 0x11} | fields
    return LoginRequest(
        transit=following is not None,
        current_stage=stage,
        next_stage=following or 0,
        **values,
    )


def step(login: Login, stage: int, following: int | None, keys: dict[str, str]) -> LoginStep:
    """One request, and the answer to it."""
    return login.receive(request(stage, following), text.encode(keys.items()))


def answers(outcome: LoginStep) -> dict[str, str]:
    """The keys of an answer that must be a success."""
    assert outcome.response.status == LoginStatus.SUCCESS, outcome.error
    return text.unique(text.parse(outcome.data))


def status(outcome: LoginStep) -> LoginStatus:
    """The status of an answer, whatever it is."""
    return LoginStatus(outcome.response.status)


def stages(outcome: LoginStep) -> tuple[bool, int, int]:
    """T bit, current and next stage of an answer."""
    response = outcome.response
    return response.transit, response.current_stage, response.next_stage


def established(outcome: LoginStep) -> Established:
    """What a login came to that must have succeeded."""
    assert outcome.established is not None, outcome.error
    return outcome.established


def log_in(node: Node, first: dict[str, str] | None = None, **keys: str) -> Established:
    """A login straight into the operational stage."""
    login = start(node)
    return established(step(login, OPERATIONAL, FULL_FEATURE, (first or NORMAL) | keys))


def prove(challenge: dict[str, str], secret: bytes = SECRETS.secret) -> dict[str, str]:
    """The initiator's answer to a challenge with MD5."""
    identifier = int(challenge["CHAP_I"])
    given = bytes.fromhex(challenge["CHAP_C"][2:])
    digest = hashlib.md5(bytes([identifier]) + secret + given).hexdigest()
    return {"CHAP_N": "alice", "CHAP_R": "0x" + digest}
