"""RFC 7143 appendix C: SendTargets, and the other keys of full feature phase (11.10)."""

import pytest

from pyvtl.iscsi import discovery
from pyvtl.iscsi.node import Node, PortalAddress
from tests.login_client import ALICE, DISCOVERY, DRIVE, NORMAL, PORTAL, log_in

OTHER = "iqn.2026-01.example:vtl-drive-02"
ADDRESS = "192.0.2.1:3260,1"


def ask(
    node: Node,
    value: str,
    session: dict[str, str] = DISCOVERY,
    local: PortalAddress = PORTAL,
) -> list[str]:
    """SendTargets in a session of this kind; the answer as `Key=value`."""
    answer = discovery.answer([("SendTargets", value)], log_in(node, session), node, local)
    return [f"{name}={value}" for name, value in answer.pairs]


def test_all_targets_with_their_addresses(node: Node) -> None:
    """`All` in a discovery session."""
    assert ask(node, "All") == [
        f"TargetName={DRIVE}",
        f"TargetAddress={ADDRESS}",
        f"TargetName={OTHER}",
        f"TargetAddress={ADDRESS}",
    ]


def test_one_target_by_name(node: Node) -> None:
    assert ask(node, OTHER) == [f"TargetName={OTHER}", f"TargetAddress={ADDRESS}"]
    assert ask(node, OTHER.upper()) == [f"TargetName={OTHER}", f"TargetAddress={ADDRESS}"]


def test_an_unknown_name_has_no_records(node: Node) -> None:
    assert ask(node, "iqn.2026-01.example:none") == []


def test_a_target_is_told_only_to_initiators_that_may_log_in(node: Node) -> None:
    bob = DISCOVERY | {"InitiatorName": "iqn.2026-01.example:bob"}
    assert ask(node, "All", bob) == [f"TargetName={DRIVE}", f"TargetAddress={ADDRESS}"]
    assert ask(node, OTHER, bob) == []


@pytest.mark.parametrize("value", ["", DRIVE])
def test_a_normal_session_is_told_of_its_own_target(node: Node, value: str) -> None:
    assert ask(node, value, NORMAL) == [f"TargetName={DRIVE}", f"TargetAddress={ADDRESS}"]


def test_a_normal_session_is_told_of_no_other(node: Node) -> None:
    assert ask(node, OTHER, NORMAL) == []


def test_values_that_the_session_does_not_have_are_rejected(node: Node) -> None:
    """`All` belongs to discovery sessions, no value to normal ones."""
    assert ask(node, "All", NORMAL) == ["SendTargets=Reject"]
    assert ask(node, "", DISCOVERY) == ["SendTargets=Reject"]


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("192.0.2.7", "192.0.2.7:3260,1"),
        ("2001:db8::7", "[2001:db8::7]:3260,1"),
        ("fe80::1%eth0", "[fe80::1]:3260,1"),
        ("::ffff:192.0.2.7", "192.0.2.7:3260,1"),
        ("backup.example", "backup.example:3260,1"),
    ],
)
def test_the_portal_told_is_the_one_that_the_initiator_came_in_on(
    node: Node, host: str, told: str
) -> None:
    """Section 13.8: TargetAddress=domainname[:port][,portal-group-tag], IPv6 in brackets."""
    assert ask(node, DRIVE, local=PortalAddress(host)) == [
        f"TargetName={DRIVE}",
        f"TargetAddress={told}",
    ]


def test_advertised_portals_stand_in_for_it(node: Node) -> None:
    """Behind a container's or a router's address translation."""
    outside = (PortalAddress("vtl.example", 13260), PortalAddress("2001:db8::1"))
    advertised = Node(node.targets, portal_group_tag=2, advertised=outside)
    assert ask(advertised, DRIVE) == [
        f"TargetName={DRIVE}",
        "TargetAddress=vtl.example:13260,2",
        "TargetAddress=[2001:db8::1]:3260,2",
    ]


def test_the_segment_length_may_be_declared_anew(node: Node) -> None:
    """Section 13.12: in full feature phase too, and it has no answer."""
    session = log_in(node)
    answer = discovery.answer([("MaxRecvDataSegmentLength", "65536")], session, node, PORTAL)
    assert (answer.pairs, answer.parameters.max_send_data_segment_length) == ((), 65536)
    broken = discovery.answer([("MaxRecvDataSegmentLength", "7")], session, node, PORTAL)
    assert broken.pairs == (("MaxRecvDataSegmentLength", "Reject"),)
    assert broken.parameters == session.parameters


def test_other_keys_of_full_feature_phase(node: Node) -> None:
    """Sections 6.2 and 13: no longer to be negotiated, not known, obsolete, declared."""
    keys = [
        ("MaxBurstLength", "512"),
        ("X-com.example.depth", "3"),
        ("OFMarker", "No"),
        ("InitiatorAlias", "backup"),
        ("TargetAlias", "mine"),
    ]
    assert discovery.answer(keys, log_in(node), node, PORTAL).pairs == (
        ("MaxBurstLength", "Reject"),
        ("X-com.example.depth", "NotUnderstood"),
        ("OFMarker", "Reject"),
        ("TargetAlias", "Reject"),
    )


def test_a_node_of_targets_alone_is_open_to_all(node: Node) -> None:
    plain = Node.of(*node.targets.values())
    assert (plain.authentication_required, plain.credentials(DRIVE, ALICE)) == (False, None)
