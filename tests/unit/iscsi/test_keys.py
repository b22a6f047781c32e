"""RFC 7143 section 13: the table of keys, and how they are settled."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.iscsi.keys import DEFAULTS, KEYS, Negotiation, Offer, Parameters, Phase, Scope, Sender
from pyvtl.iscsi.text import TextError

OURS = Offer()


def settle(*pairs: tuple[str, str], offer: Offer = OURS, discovery: bool = False) -> list[str]:
    """Our answers to keys of the operational stage, as `Key=value`."""
    negotiation = Negotiation(offer, discovery=discovery)
    return [f"{k}={v}" for k, v in negotiation.receive(pairs, Phase.OPERATIONAL)]


def parameters(*pairs: tuple[str, str], offer: Offer = OURS) -> Parameters:
    """What holds after these keys."""
    negotiation = Negotiation(offer)
    negotiation.receive(pairs, Phase.OPERATIONAL)
    return negotiation.parameters()


def test_every_parameter_has_a_row_and_every_negotiated_row_an_offer() -> None:
    rows = {key.field for key in KEYS.values() if key.field}
    assert rows | {"max_recv_data_segment_length"} == {f.name for f in fields(Parameters)}
    negotiated = {key.field for key in KEYS.values() if key.result}
    assert negotiated | {"max_recv_data_segment_length"} == {f.name for f in fields(Offer)}


def test_defaults_are_those_of_section_13() -> None:
    expected = Parameters(
        header_digest=False,
        data_digest=False,
        max_send_data_segment_length=8192,
        max_recv_data_segment_length=8192,
        max_connections=1,
        initial_r2t=True,
        immediate_data=True,
        max_burst_length=262144,
        first_burst_length=65536,
        default_time2wait=2,
        default_time2retain=20,
        max_outstanding_r2t=1,
        data_pdu_in_order=True,
        data_sequence_in_order=True,
        error_recovery_level=0,
        task_reporting="RFC3720",
        protocol_level=1,
    )
    assert expected == DEFAULTS


def test_connection_only_keys_are_the_digests_and_the_segment_length() -> None:
    """Sections 13.1 and 13.12; all others are session-wide."""
    assert {k.name for k in KEYS.values() if k.scope is Scope.CONNECTION} == {
        "HeaderDigest",
        "DataDigest",
        "MaxRecvDataSegmentLength",
    }


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        ("CRC32C", "CRC32C"),
        ("None", "None"),
        ("CRC32C,None", "CRC32C"),
        ("None,CRC32C", "None"),
        ("X-other,CRC32C", "CRC32C"),
        ("X-other", "Reject"),
    ],
)
def test_digests_are_answered_in_the_initiators_order(offered: str, answer: str) -> None:
    """Section 13.1: an offer of CRC32C alone is not answered None."""
    assert settle(("HeaderDigest", offered), ("DataDigest", offered)) == [
        f"HeaderDigest={answer}",
        f"DataDigest={answer}",
    ]


def test_a_digest_that_we_do_not_accept_is_rejected_not_replaced() -> None:
    offer = Offer(data_digest=("None",))
    assert settle(("DataDigest", "CRC32C"), offer=offer) == ["DataDigest=Reject"]
    assert not parameters(("DataDigest", "CRC32C"), offer=offer).data_digest


@pytest.mark.parametrize(
    ("name", "offered", "answer"),
    [
        ("MaxConnections", "8", "1"),
        ("MaxBurstLength", "16776192", "1048576"),
        ("MaxBurstLength", "512", "512"),
        ("DefaultTime2Wait", "0", "2"),
        ("DefaultTime2Wait", "3600", "3600"),
        ("DefaultTime2Retain", "20", "0"),
        ("MaxOutstandingR2T", "65535", "4"),
        ("ErrorRecoveryLevel", "2", "0"),
        ("InitialR2T", "No", "No"),
        ("InitialR2T", "Yes", "Yes"),
        ("ImmediateData", "No", "No"),
        ("DataPDUInOrder", "No", "Yes"),
        ("DataSequenceInOrder", "No", "Yes"),
        ("TaskReporting", "FastAbort,ResponseFence,RFC3720", "RFC3720"),
        ("iSCSIProtocolLevel", "2", "1"),
    ],
)
def test_results(name: str, offered: str, answer: str) -> None:
    """Section 13: the result function of each key."""
    assert settle((name, offered)) == [f"{name}={answer}"]


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("MaxBurstLength", "511"),
        ("MaxBurstLength", "16777216"),
        ("FirstBurstLength", "none"),
        ("MaxConnections", "0"),
        ("MaxOutstandingR2T", "65536"),
        ("ErrorRecoveryLevel", "3"),
        ("DefaultTime2Wait", "3601"),
        ("InitialR2T", "yes"),
        ("TaskReporting", "Other"),
    ],
)
def test_an_offer_out_of_range_is_rejected_and_the_default_holds(name: str, offered: str) -> None:
    """Section 6.2.2."""
    assert settle((name, offered)) == [f"{name}=Reject"]
    assert parameters((name, offered)) == DEFAULTS


def test_an_unknown_key_is_not_understood_and_an_obsolete_one_rejected() -> None:
    """Sections 6.2 and 13.25."""
    assert settle(("X-com.example.depth", "3"), ("OFMarker", "No"), ("IFMarkInt", "1~2")) == [
        "X-com.example.depth=NotUnderstood",
        "OFMarker=Reject",
        "IFMarkInt=Reject",
    ]


def test_a_declaration_has_no_answer() -> None:
    assert settle(("MaxRecvDataSegmentLength", "65536"), ("InitiatorAlias", "backup")) == []
    assert parameters(("MaxRecvDataSegmentLength", "65536")).max_send_data_segment_length == 65536


def test_a_declaration_out_of_range_ends_the_login() -> None:
    with pytest.raises(TextError):
        settle(("MaxRecvDataSegmentLength", "511"))


def test_what_the_initiator_takes_and_what_we_take_are_told_apart() -> None:
    """Section 13.12: each side declares what it receives; ours holds once we declared it."""
    negotiation = Negotiation(Offer(max_recv_data_segment_length=131072))
    negotiation.receive([("MaxRecvDataSegmentLength", "16384")], Phase.OPERATIONAL)
    assert negotiation.parameters().max_recv_data_segment_length == 8192
    assert negotiation.declare() == [("MaxRecvDataSegmentLength", "131072")]
    assert negotiation.declare() == []
    settled = negotiation.parameters()
    assert settled.max_recv_data_segment_length == 131072
    assert settled.max_send_data_segment_length == 16384


def test_first_burst_is_never_longer_than_a_burst() -> None:
    """Section 13.14, whichever of the two comes first."""
    assert settle(("FirstBurstLength", "262144"), ("MaxBurstLength", "65536")) == [
        "MaxBurstLength=65536",
        "FirstBurstLength=65536",
    ]
    assert parameters(("MaxBurstLength", "1024")).first_burst_length == 1024


def test_first_burst_is_irrelevant_without_unsolicited_data() -> None:
    """Section 13.14: InitialR2T=Yes and ImmediateData=No."""
    assert settle(
        ("FirstBurstLength", "65536"), ("InitialR2T", "Yes"), ("ImmediateData", "No")
    ) == ["InitialR2T=Yes", "ImmediateData=No", "FirstBurstLength=Irrelevant"]


def test_keys_of_the_data_phase_are_irrelevant_to_discovery() -> None:
    """Section 13: "Irrelevant when SessionType=Discovery"."""
    irrelevant = {
        name
        for name, key in KEYS.items()
        if key.result and settle((name, "1"), discovery=True) == [f"{name}=Irrelevant"]
    }
    assert irrelevant == {
        "MaxConnections",
        "InitialR2T",
        "ImmediateData",
        "MaxBurstLength",
        "FirstBurstLength",
        "MaxOutstandingR2T",
        "DataPDUInOrder",
        "DataSequenceInOrder",
        "TaskReporting",
        "iSCSIProtocolLevel",
    }


def test_a_key_is_settled_once() -> None:
    """Section 6.2: an attempt to negotiate again fails the login."""
    negotiation = Negotiation(Offer())
    negotiation.receive([("InitialR2T", "No")], Phase.OPERATIONAL)
    with pytest.raises(TextError):
        negotiation.receive([("InitialR2T", "No")], Phase.OPERATIONAL)


def test_a_declaration_may_be_repeated_but_not_changed() -> None:
    """Initiators of libiscsi say their name in both stages."""
    negotiation = Negotiation(Offer())
    negotiation.receive([("InitiatorName", "iqn.2026-01.example:a")], Phase.SECURITY)
    negotiation.receive([("InitiatorName", "iqn.2026-01.example:a")], Phase.OPERATIONAL)
    with pytest.raises(TextError):
        negotiation.receive([("InitiatorName", "iqn.2026-01.example:b")], Phase.OPERATIONAL)


@pytest.mark.parametrize(
    ("name", "phase"),
    [("MaxBurstLength", Phase.SECURITY), ("SendTargets", Phase.OPERATIONAL)],
)
def test_a_key_out_of_its_phase_ends_the_login(name: str, phase: Phase) -> None:
    with pytest.raises(TextError):
        Negotiation(Offer()).receive([(name, "512")], phase)


def test_what_only_a_target_declares_may_be_answered_but_not_sent() -> None:
    targets_own = [name for name, key in KEYS.items() if key.sender is Sender.TARGET]
    assert targets_own == ["TargetAlias", "TargetAddress", "TargetPortalGroupTag"]
    for name in targets_own:
        assert settle((name, "NotUnderstood")) == []
        with pytest.raises(TextError):
            settle((name, "1"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(KEYS)),
            st.one_of(st.text("0123456789xYesNo,CR32", max_size=12), st.integers(0, 1 << 25)),
        ),
        max_size=12,
    )
)
def test_whatever_is_offered_the_outcome_is_within_range(pairs: list[tuple[str, object]]) -> None:
    negotiation = Negotiation(Offer())
    try:
        negotiation.receive([(name, str(value)) for name, value in pairs], Phase.OPERATIONAL)
    except TextError:
        return
    settled = negotiation.parameters()
    assert 512 <= settled.first_burst_length <= settled.max_burst_length <= 1048576
    assert settled.max_connections == 1
    assert 1 <= settled.max_outstanding_r2t <= 4
    assert settled.error_recovery_level == 0
    assert settled.data_pdu_in_order
    assert settled.data_sequence_in_order
