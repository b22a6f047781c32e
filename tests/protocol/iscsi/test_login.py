"""RFC 7143 section 6.3 and 11.12 to 11.13: the login phase."""

import hashlib
from typing import Any

import pytest

from pyvtl.iscsi import text
from pyvtl.iscsi.chap import ChapCredentials
from pyvtl.iscsi.codes import LoginStatus
from pyvtl.iscsi.keys import DEFAULTS
from pyvtl.iscsi.login import MAX_REQUESTS, Established, State
from pyvtl.iscsi.node import Node
from pyvtl.iscsi.pdu import LoginRequest
from tests.login_client import (
    ALICE,
    CHAP,
    DISCOVERY,
    DRIVE,
    FULL_FEATURE,
    ISID,
    NORMAL,
    OPERATIONAL,
    PLAIN,
    SECRETS,
    SECURITY,
    TSIH,
    answers,
    established,
    log_in,
    prove,
    request,
    stages,
    start,
    status,
    step,
)

OTHER = "iqn.2026-01.example:vtl-drive-02"


def test_two_stages_without_authentication(node: Node) -> None:
    """Section 6.3: security, operational, full feature phase; TSIH comes with the last answer."""
    login = start(node)
    first = step(login, SECURITY, OPERATIONAL, NORMAL | {"AuthMethod": "CHAP,None"})
    assert answers(first) == {
        "TargetPortalGroupTag": "1",
        "TargetAlias": "drive 1",
        "AuthMethod": "None",
    }
    assert stages(first) == (True, SECURITY, OPERATIONAL)
    assert (first.response.tsih, first.established) == (0, None)
    last = step(login, OPERATIONAL, FULL_FEATURE, {"ImmediateData": "Yes", "HeaderDigest": "None"})
    assert answers(last) == {
        "ImmediateData": "Yes",
        "HeaderDigest": "None",
        "MaxRecvDataSegmentLength": "262144",
    }
    assert stages(last) == (True, OPERATIONAL, FULL_FEATURE)
    assert (last.response.tsih, login.state) == (TSIH, State.FULL_FEATURE)


def test_the_answer_as_bytes(node: Node) -> None:
    """Section 11.13: opcode 23h, T, CSG 1, NSG 3, versions, ISID, TSIH, task tag, status."""
    bhs = LoginRequest.decode(
        bytes.fromhex(
            "43870000000000000002 3d000001 0000 00000011 00010000 00000001 00000000".replace(
                " ", ""
            )
        ).ljust(48, b"\0")
    )
    last = start(node).receive(bhs, text.encode(NORMAL.items()))
    assert last.response.encode().hex() == (
        "238700000000000000023d00000100070000001100000000" + "00" * 24
    )


def test_a_login_may_begin_in_the_operational_stage(node: Node) -> None:
    parameters = log_in(node).parameters
    assert parameters.max_recv_data_segment_length == 262144
    assert parameters.max_send_data_segment_length == 8192


def test_a_login_may_skip_the_operational_stage(node: Node) -> None:
    """Section 6.3: from security straight to full feature phase; the defaults hold."""
    last = step(start(node), SECURITY, FULL_FEATURE, NORMAL | PLAIN)
    assert established(last) == Established(
        initiator_name=ALICE,
        initiator_alias="",
        target_name=DRIVE,
        isid=ISID,
        tsih=TSIH,
        cid=1,
        parameters=DEFAULTS,
        authenticated=False,
    )


def test_a_stage_goes_on_until_the_initiator_asks_to_leave_it(node: Node) -> None:
    login = start(node)
    assert stages(step(login, OPERATIONAL, None, NORMAL)) == (False, OPERATIONAL, 0)
    more = step(login, OPERATIONAL, None, {"InitialR2T": "No"})
    assert answers(more) == {"InitialR2T": "No"}
    done = established(step(login, OPERATIONAL, FULL_FEATURE, {"FirstBurstLength": "4096"}))
    assert (done.parameters.initial_r2t, done.parameters.first_burst_length) == (False, 4096)


def test_a_discovery_session_needs_no_target(node: Node) -> None:
    done = log_in(node, DISCOVERY, InitiatorAlias="backup")
    assert (done.target_name, done.initiator_alias) == (None, "backup")


def test_names_are_the_same_in_either_case(node: Node) -> None:
    """Section 4.2.7: iSCSI names are compared in lower case."""
    done = log_in(node, {"InitiatorName": ALICE.upper(), "TargetName": DRIVE.upper()})
    assert (done.initiator_name, done.target_name) == (ALICE, DRIVE)


def test_a_text_may_be_cut_anywhere(node: Node) -> None:
    """Section 6.2: each part but the last has the C bit and is answered by an empty response."""
    login = start(node)
    whole = text.encode((NORMAL | {"InitialR2T": "No"}).items())
    part = login.receive(request(OPERATIONAL, continues=True), whole[:20])
    assert (stages(part), part.data) == ((False, OPERATIONAL, 0), b"")
    last = login.receive(request(OPERATIONAL, FULL_FEATURE), whole[20:])
    assert not established(last).parameters.initial_r2t


# CHAP


def authenticate(node: Node, first: dict[str, str], answer: dict[str, str] | None = None) -> State:
    """CHAP with MD5 from start to end; the state after it."""
    login = start(node)
    chosen = step(login, SECURITY, OPERATIONAL, first | CHAP)
    assert (answers(chosen)["AuthMethod"], stages(chosen)) == ("CHAP", (False, SECURITY, 0))
    challenge = answers(step(login, SECURITY, None, {"CHAP_A": "5"}))
    step(login, SECURITY, OPERATIONAL, prove(challenge) if answer is None else answer)
    return login.state


def test_chap_admits_who_knows_the_secret(guarded: Node) -> None:
    """Section 12.1.3; a transit asked for too early is not granted."""
    assert authenticate(guarded, NORMAL) is State.OPERATIONAL


def test_chap_guards_discovery_too(guarded: Node) -> None:
    assert authenticate(guarded, DISCOVERY) is State.OPERATIONAL


def test_chap_turns_away_who_does_not(guarded: Node) -> None:
    wrong = {"CHAP_N": "alice", "CHAP_R": "0x" + "00" * 16}
    assert authenticate(guarded, NORMAL, wrong) is State.FAILED


def test_the_target_proves_itself_in_the_last_step(guarded: Node) -> None:
    login = start(guarded)
    step(login, SECURITY, None, NORMAL | CHAP)
    challenge = answers(step(login, SECURITY, None, {"CHAP_A": "5"}))
    asked = prove(challenge) | {"CHAP_I": "1", "CHAP_C": "0x00112233"}
    digest = hashlib.md5(b"\x01" + b"target--secret--" + bytes.fromhex("00112233"))
    last = step(login, SECURITY, FULL_FEATURE, asked)
    assert answers(last) == {"CHAP_N": "library", "CHAP_R": "0x" + digest.hexdigest()}
    assert established(last).authenticated


@pytest.mark.parametrize(
    ("keys", "stage"),
    [
        (NORMAL | PLAIN, SECURITY),
        (NORMAL, SECURITY),
        (NORMAL, OPERATIONAL),
        (NORMAL | {"AuthMethod": "KRB5"}, SECURITY),
        (NORMAL | CHAP | {"InitiatorName": "iqn.2026-01.example:mallory"}, SECURITY),
        (NORMAL | {"CHAP_A": "5"}, SECURITY),
    ],
)
def test_no_way_around_authentication(guarded: Node, keys: dict[str, str], stage: int) -> None:
    """Section 11.13.5: 0201h for whoever does not authenticate."""
    refused = step(start(guarded), stage, FULL_FEATURE, keys)
    assert status(refused) is LoginStatus.AUTHENTICATION_FAILURE


def test_an_initiator_with_credentials_must_use_them(node: Node) -> None:
    """Also where authentication is not demanded of everyone."""
    known = Node(node.targets, credentials=lambda _target, name: SECRETS if name == ALICE else None)
    assert status(step(start(known), SECURITY, OPERATIONAL, NORMAL | PLAIN)) is (
        LoginStatus.AUTHENTICATION_FAILURE
    )
    stranger = NORMAL | PLAIN | {"InitiatorName": "iqn.2026-01.example:bob"}
    assert status(step(start(known), SECURITY, OPERATIONAL, stranger)) is LoginStatus.SUCCESS


def test_credentials_are_looked_up_by_target_and_initiator(node: Node) -> None:
    asked = []

    def look_up(target_name: str | None, initiator_name: str) -> ChapCredentials | None:
        asked.append((target_name, initiator_name))
        return None

    watched = Node(node.targets, credentials=look_up)
    log_in(watched)
    log_in(watched, DISCOVERY)
    assert asked == [(DRIVE, ALICE), (None, ALICE)]


# Refusals


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"TargetName": DRIVE}, LoginStatus.MISSING_PARAMETER),
        ({"InitiatorName": ALICE}, LoginStatus.MISSING_PARAMETER),
        ({}, LoginStatus.MISSING_PARAMETER),
        (NORMAL | {"TargetName": "iqn.2026-01.example:none"}, LoginStatus.NOT_FOUND),
        (NORMAL | {"SessionType": "Other"}, LoginStatus.SESSION_TYPE_NOT_SUPPORTED),
        (NORMAL | {"InitiatorName": "i" * 224}, LoginStatus.INITIATOR_ERROR),
        (
            {"InitiatorName": "iqn.2026-01.example:bob", "TargetName": OTHER},
            LoginStatus.AUTHORIZATION_FAILURE,
        ),
        (NORMAL | {"TargetAlias": "mine"}, LoginStatus.INITIATOR_ERROR),
        (NORMAL | {"SendTargets": "All"}, LoginStatus.INITIATOR_ERROR),
        (NORMAL | {"MaxRecvDataSegmentLength": "1"}, LoginStatus.INITIATOR_ERROR),
    ],
)
def test_keys_that_end_the_login(node: Node, keys: dict[str, str], code: LoginStatus) -> None:
    """Section 11.13.5: status class and detail."""
    login = start(node)
    refused = step(login, OPERATIONAL, FULL_FEATURE, keys)
    assert (status(refused), refused.established, login.state) == (code, None, State.FAILED)


@pytest.mark.parametrize(
    ("bhs", "code"),
    [
        (request(SECURITY, OPERATIONAL, version_min=1), LoginStatus.UNSUPPORTED_VERSION),
        (request(SECURITY, SECURITY), LoginStatus.INITIATOR_ERROR),
        (request(OPERATIONAL, SECURITY), LoginStatus.INITIATOR_ERROR),
        (request(SECURITY, 2), LoginStatus.INITIATOR_ERROR),
        (request(2, FULL_FEATURE), LoginStatus.INITIATOR_ERROR),
        (request(FULL_FEATURE), LoginStatus.INITIATOR_ERROR),
        (request(OPERATIONAL, FULL_FEATURE, continues=True), LoginStatus.INITIATOR_ERROR),
        (request(OPERATIONAL, FULL_FEATURE, tsih=9), LoginStatus.SESSION_DOES_NOT_EXIST),
    ],
)
def test_headers_that_end_the_login(node: Node, bhs: LoginRequest, code: LoginStatus) -> None:
    """Sections 11.12.1 to 11.12.6."""
    assert status(start(node).receive(bhs, text.encode(NORMAL.items()))) is code


def test_a_higher_version_max_is_answered_by_ours(node: Node) -> None:
    """Section 11.12.4: we speak version 0, which is in the initiator's range."""
    bhs = request(OPERATIONAL, FULL_FEATURE, version_max=3)
    response = start(node).receive(bhs, text.encode(NORMAL.items())).response
    assert (response.version_max, response.version_active) == (0, 0)


def test_a_session_takes_no_second_connection(node: Node) -> None:
    """Section 6.3.1, MaxConnections=1: the session exists, but has its connection."""
    login = start(node, (ALICE, 9))
    refused = login.receive(request(OPERATIONAL, FULL_FEATURE, tsih=9), text.encode(NORMAL.items()))
    assert status(refused) is LoginStatus.TOO_MANY_CONNECTIONS


@pytest.mark.parametrize(
    "changed", [{"isid": bytes(6)}, {"cid": 2}, {"tsih": 5}], ids=lambda field: next(iter(field))
)
def test_who_logs_in_cannot_change_in_mid_login(node: Node, changed: dict[str, Any]) -> None:
    login = start(node)
    step(login, SECURITY, None, NORMAL | PLAIN)
    assert status(login.receive(request(SECURITY, **changed), b"")) is LoginStatus.INITIATOR_ERROR


def test_a_stage_is_not_entered_twice(node: Node) -> None:
    login = start(node)
    step(login, SECURITY, OPERATIONAL, NORMAL | PLAIN)
    assert status(step(login, SECURITY, None, {})) is LoginStatus.INITIATOR_ERROR


def test_authentication_is_chosen_once(guarded: Node) -> None:
    login = start(guarded)
    step(login, SECURITY, None, NORMAL | CHAP)
    assert status(step(login, SECURITY, None, CHAP)) is LoginStatus.INITIATOR_ERROR


def test_nothing_follows_a_failure_or_the_end(node: Node) -> None:
    login = start(node)
    step(login, OPERATIONAL, FULL_FEATURE, {})
    assert status(step(login, OPERATIONAL, FULL_FEATURE, NORMAL)) is LoginStatus.INITIATOR_ERROR
    login = start(node)
    step(login, OPERATIONAL, FULL_FEATURE, NORMAL)
    assert status(step(login, OPERATIONAL, FULL_FEATURE, {})) is LoginStatus.INITIATOR_ERROR


def test_a_login_has_an_end(node: Node) -> None:
    login = start(node)
    step(login, OPERATIONAL, None, NORMAL)
    for _ in range(MAX_REQUESTS - 1):
        assert status(step(login, OPERATIONAL, None, {})) is LoginStatus.SUCCESS
    assert status(step(login, OPERATIONAL, None, {})) is LoginStatus.OUT_OF_RESOURCES


def test_a_text_has_an_end(node: Node) -> None:
    login = start(node)
    part = request(OPERATIONAL, continues=True)
    for _ in range(text.MAX_TEXT // 8192):
        assert status(login.receive(part, bytes(8192))) is LoginStatus.SUCCESS
    assert status(login.receive(part, bytes(8192))) is LoginStatus.INITIATOR_ERROR


def test_so_many_keys_that_the_answer_would_not_fit_are_refused(node: Node) -> None:
    keys = {f"X-{n}": "" for n in range(1000)}
    assert status(step(start(node), OPERATIONAL, None, NORMAL | keys)) is (
        LoginStatus.INITIATOR_ERROR
    )
