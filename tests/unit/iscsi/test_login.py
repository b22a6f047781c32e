"""The table of login states, walked by hypothesis (RFC 7143 section 11.12.3)."""

from hypothesis import given
from hypothesis import strategies as st

from pyvtl.iscsi import text
from pyvtl.iscsi.codes import LoginStage, LoginStatus
from pyvtl.iscsi.login import TRANSITIONS, State
from pyvtl.iscsi.node import Node, TargetName
from pyvtl.iscsi.pdu import LoginRequest
from tests.login_client import DRIVE, NORMAL, TSIH, request, start

OPEN = Node.of(TargetName(DRIVE))

requests = st.builds(
    request,
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(0, 3)),
    continues=st.booleans(),
    version_min=st.sampled_from([0, 0, 0, 1]),
)
keys = st.dictionaries(
    st.sampled_from(["AuthMethod", "InitialR2T", "HeaderDigest", "CHAP_A", "CHAP_R", "X-y"]),
    st.sampled_from(["None", "CHAP", "Yes", "No", "CRC32C", "5", "0x00"]),
)


def test_every_transition_leads_onward() -> None:
    """No stage is entered again once left, and full feature phase is the end."""
    order = [State.START, State.SECURITY, State.OPERATIONAL, State.FULL_FEATURE]
    for (before, _stage, _following), after in TRANSITIONS.items():
        assert order.index(before) <= order.index(after)
    assert not [before for before, *_ in TRANSITIONS if before is State.FULL_FEATURE]


def test_the_next_stage_is_the_state_that_follows() -> None:
    stage_of = {
        LoginStage.SECURITY_NEGOTIATION: State.SECURITY,
        LoginStage.LOGIN_OPERATIONAL_NEGOTIATION: State.OPERATIONAL,
        LoginStage.FULL_FEATURE_PHASE: State.FULL_FEATURE,
    }
    for (_before, stage, following), after in TRANSITIONS.items():
        assert after is stage_of[stage if following is None else following]


@given(st.lists(st.tuples(requests, keys), min_size=1, max_size=6))
def test_any_row_of_requests_follows_the_table(
    row: list[tuple[LoginRequest, dict[str, str]]],
) -> None:
    """A state changes as the table says, or the login fails; the end comes with its handle."""
    login = start(OPEN)
    for bhs, given_keys in row:
        before = login.state
        outcome = login.receive(bhs, text.encode((NORMAL | given_keys).items()))
        if outcome.response.status:
            assert (login.state, outcome.data) == (State.FAILED, b"")
            assert outcome.error is not None
            assert outcome.error.status == outcome.response.status
            continue
        response = outcome.response
        following = LoginStage(response.next_stage) if response.transit else None
        wanted = LoginStage(bhs.next_stage) if bhs.transit else None
        assert following in (None, wanted)
        assert login.state is TRANSITIONS[before, LoginStage(response.current_stage), following]
        assert (outcome.established is not None) == (login.state is State.FULL_FEATURE)
        assert response.tsih == (TSIH if outcome.established else 0)


@given(st.binary(max_size=200), st.integers(0, 3), st.booleans())
def test_random_text_is_answered_by_a_login_response(data: bytes, stage: int, cut: bool) -> None:
    outcome = start(OPEN).receive(request(stage, continues=cut), data)
    assert outcome.response.status in set(LoginStatus)
    assert len(outcome.response.encode()) == 48
