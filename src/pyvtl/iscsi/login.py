"""The login phase, from the first Login Request to full feature phase (RFC 7143 section 6.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pyvtl.iscsi import chap, text
from pyvtl.iscsi.chap import Chap
from pyvtl.iscsi.codes import LoginStage, LoginStatus
from pyvtl.iscsi.errors import LoginError
from pyvtl.iscsi.keys import LOGIN_SEGMENT_LIMIT, Negotiation, Parameters, Phase
from pyvtl.iscsi.node import Node, PortalAddress, TargetName
from pyvtl.iscsi.pdu import LoginRequest, LoginResponse
from pyvtl.iscsi.text import Pair, TextError
from pyvtl.wire.layout import Buffer

VERSION = 0
"""The one version of the protocol that there is (section 11.12.4)."""

MAX_REQUESTS = 64
"""Login Requests of one login; CHAP and two stages need five."""

MAX_INITIATOR_NAME = 223
"""Bytes in an iSCSI name (section 4.2.7.1)."""


class State(Enum):
    """Where the login stands."""

    START = auto()
    SECURITY = auto()
    OPERATIONAL = auto()
    FULL_FEATURE = auto()
    FAILED = auto()


_SECURITY = LoginStage.SECURITY_NEGOTIATION
_OPERATIONAL = LoginStage.LOGIN_OPERATIONAL_NEGOTIATION
_FULL_FEATURE = LoginStage.FULL_FEATURE_PHASE

TRANSITIONS: Mapping[tuple[State, LoginStage, LoginStage | None], State] = {
    (State.START, _SECURITY, None): State.SECURITY,
    (State.START, _SECURITY, _OPERATIONAL): State.OPERATIONAL,
    (State.START, _SECURITY, _FULL_FEATURE): State.FULL_FEATURE,
    (State.START, _OPERATIONAL, None): State.OPERATIONAL,
    (State.START, _OPERATIONAL, _FULL_FEATURE): State.FULL_FEATURE,
    (State.SECURITY, _SECURITY, None): State.SECURITY,
    (State.SECURITY, _SECURITY, _OPERATIONAL): State.OPERATIONAL,
    (State.SECURITY, _SECURITY, _FULL_FEATURE): State.FULL_FEATURE,
    (State.OPERATIONAL, _OPERATIONAL, None): State.OPERATIONAL,
    (State.OPERATIONAL, _OPERATIONAL, _FULL_FEATURE): State.FULL_FEATURE,
}
"""State, current stage and next stage (None: no transit, or one not granted yet): next state.

What is not here fails the login (section 11.12.3).  docs/protocol.md is drawn from this.
"""


@dataclass(frozen=True, slots=True)
class Established:
    """What a login has come to.  `target_name` is None in a discovery session."""

    initiator_name: str
    initiator_alias: str
    target_name: str | None
    isid: bytes
    tsih: int
    cid: int
    parameters: Parameters
    authenticated: bool


@dataclass(frozen=True, slots=True)
class LoginStep:
    """An answer: the response, in which the numbers (StatSN, ExpCmdSN, MaxCmdSN) are still to
    be set, and its data segment.  `established` comes with the last, `error` with a refusal.
    """

    response: LoginResponse
    data: bytes = b""
    established: Established | None = None
    error: LoginError | None = None


class Login:
    """One connection's login.  After a step with an error the connection is to be closed.

    `tsih` is the handle that a new session will have; `has_session` says whether a session of
    an initiator (its name) and a handle exists, for a connection that wants to join one.
    """

    def __init__(
        self,
        node: Node,
        local: PortalAddress,
        *,
        tsih: int,
        has_session: Callable[[str, int], bool] = lambda _name, _tsih: False,
    ) -> None:
        self.state = State.START
        self._node, self._local = node, local
        self._tsih, self._has_session = tsih, has_session
        self._requests = 0
        self._first: LoginRequest | None = None
        self._assembly = text.Assembly()
        self._negotiation = Negotiation(node.offer)
        self._target: TargetName | None = None
        self._initiator_name = ""
        self._chap: Chap | None = None
        self._cleared = False

    def receive(self, request: LoginRequest, data: Buffer) -> LoginStep:
        """Take one Login Request with its data segment."""
        try:
            return self._receive(request, data)
        except LoginError as error:
            return self.refuse(request, error)
        except TextError as error:
            return self.refuse(request, LoginError(str(error)))

    def refuse(self, request: LoginRequest, error: LoginError) -> LoginStep:
        """The response that ends the login with the error's status."""
        self.state = State.FAILED
        response = LoginResponse(
            initiator_task_tag=request.initiator_task_tag,
            current_stage=request.current_stage,
            isid=request.isid,
            tsih=request.tsih,
            status=error.status,
        )
        return LoginStep(response, error=error)

    def _receive(self, request: LoginRequest, data: Buffer) -> LoginStep:
        self._check(request)
        stage, following = _stages(request)
        if (self.state, stage, following) not in TRANSITIONS:
            raise LoginError(f"no way from {self.state.name} by {stage.name}")
        pairs = self._assembly.receive(data, continues=request.continues)
        if pairs is None:
            return self._answer(request, stage, None, [])
        answers = self._begin(request, pairs)
        if stage == _SECURITY:
            answers += self._security(pairs)
        else:
            self._clear()
            answers += self._negotiation.receive(pairs, Phase.OPERATIONAL)
            answers += self._negotiation.declare()
        return self._answer(request, stage, self._granted(stage, following), answers)

    def _check(self, request: LoginRequest) -> None:
        """What must hold of every request of a login."""
        self._requests += 1
        if self._requests > MAX_REQUESTS:
            raise LoginError(f"more than {MAX_REQUESTS} requests", LoginStatus.OUT_OF_RESOURCES)
        if request.version_min > VERSION:
            raise LoginError(
                f"version {request.version_min} is asked for", LoginStatus.UNSUPPORTED_VERSION
            )
        first = self._first = self._first or request
        if (request.isid, request.tsih, request.cid) != (first.isid, first.tsih, first.cid):
            raise LoginError("the session changes in mid-login")

    # The first text

    def _begin(self, request: LoginRequest, pairs: list[Pair]) -> list[Pair]:
        """With the first whole text: who it is and what for; what to tell of the target."""
        if self._initiator_name:
            return []
        declared = text.unique(pairs)
        self._initiator_name = _initiator_name(declared)
        discovery = _is_discovery(declared)
        self._negotiation = Negotiation(self._node.offer, discovery=discovery)
        if not discovery:
            self._target = self._find_target(declared)
        self._check_session(request.tsih)
        return self._introduction()

    def _find_target(self, declared: Mapping[str, str]) -> TargetName:
        if "TargetName" not in declared:
            raise LoginError("TargetName is missing", LoginStatus.MISSING_PARAMETER)
        target = self._node.target(declared["TargetName"])
        if target is None:
            raise LoginError("there is no such target", LoginStatus.NOT_FOUND)
        return target

    def _check_session(self, tsih: int) -> None:
        """A handle asks to join a session, which has one connection already (section 6.3.1)."""
        if tsih == 0:
            return
        if not self._has_session(self._initiator_name, tsih):
            raise LoginError("there is no such session", LoginStatus.SESSION_DOES_NOT_EXIST)
        raise LoginError("a session has one connection at most", LoginStatus.TOO_MANY_CONNECTIONS)

    def _introduction(self) -> list[Pair]:
        if self._target is None:
            return []
        pairs = [("TargetPortalGroupTag", str(self._node.portal_group_tag))]
        if self._target.alias:
            pairs.append(("TargetAlias", self._target.alias))
        return pairs

    # Security

    def _security(self, pairs: list[Pair]) -> list[Pair]:
        """AuthMethod, the steps of CHAP, and what may be declared in any stage."""
        given = text.unique(pairs)
        proof = {name: given.pop(name) for name in chap.KEYS & given.keys()}
        method = given.pop("AuthMethod", None)
        answers = [] if method is None else [("AuthMethod", self._choose(method))]
        answers += self._negotiation.receive(given.items(), Phase.SECURITY)
        if not proof:
            return answers
        if self._chap is None:
            raise LoginError("CHAP was not agreed on", LoginStatus.AUTHENTICATION_FAILURE)
        return answers + self._chap.receive(proof)

    def _choose(self, offered: str) -> str:
        """The one method that there is for this initiator, when it offers it."""
        if self._chap is not None or self._cleared:
            raise LoginError("AuthMethod comes a second time")
        credentials = self._credentials()
        wanted = "CHAP" if credentials or self._node.authentication_required else "None"
        if wanted not in offered.split(","):
            raise LoginError(f"{wanted} is not offered", LoginStatus.AUTHENTICATION_FAILURE)
        if wanted == "None":
            return wanted
        if credentials is None:
            raise LoginError("unknown initiator", LoginStatus.AUTHENTICATION_FAILURE)
        self._chap = Chap(credentials)
        return wanted

    def _credentials(self) -> chap.ChapCredentials | None:
        target_name = self._target.name if self._target else None
        return self._node.credentials(target_name, self._initiator_name)

    def _granted(self, stage: LoginStage, following: LoginStage | None) -> LoginStage | None:
        """The next stage, unless CHAP has still to end."""
        if following is None or (self._chap is not None and not self._chap.done):
            return None
        if stage == _SECURITY:
            self._clear()
        return following

    def _clear(self) -> None:
        """Pass the gate between security and all the rest, once."""
        if self._cleared:
            return
        required = self._node.authentication_required or self._credentials() is not None
        if required and not (self._chap and self._chap.done):
            raise LoginError("unauthenticated", LoginStatus.AUTHENTICATION_FAILURE)
        if self._target is not None and not self._target.admits(self._initiator_name):
            raise LoginError("not admitted", LoginStatus.AUTHORIZATION_FAILURE)
        self._cleared = True

    # Answers

    def _answer(
        self,
        request: LoginRequest,
        stage: LoginStage,
        following: LoginStage | None,
        pairs: list[Pair],
    ) -> LoginStep:
        data = text.encode(pairs)
        if len(data) > LOGIN_SEGMENT_LIMIT:
            raise LoginError("the answer to so many keys is too long")
        self.state = TRANSITIONS[self.state, stage, following]
        done = self._establish(request) if self.state is State.FULL_FEATURE else None
        response = LoginResponse(
            initiator_task_tag=request.initiator_task_tag,
            transit=following is not None,
            current_stage=stage,
            next_stage=following or 0,
            version_max=VERSION,
            version_active=VERSION,
            isid=request.isid,
            tsih=done.tsih if done else request.tsih,
        )
        return LoginStep(response, data, done)

    def _establish(self, request: LoginRequest) -> Established:
        return Established(
            initiator_name=self._initiator_name,
            initiator_alias=self._negotiation.value("InitiatorAlias"),
            target_name=self._target.name if self._target else None,
            isid=request.isid,
            tsih=self._tsih,
            cid=request.cid,
            parameters=self._negotiation.parameters(),
            authenticated=self._chap is not None,
        )


def _stages(request: LoginRequest) -> tuple[LoginStage, LoginStage | None]:
    """Current and wanted stage; a continued text cannot ask for a transit (section 11.12.2)."""
    if request.transit and request.continues:
        raise LoginError("T and C bits are both set")
    try:
        stage = LoginStage(request.current_stage)
        following = LoginStage(request.next_stage) if request.transit else None
    except ValueError as error:
        raise LoginError("a stage is reserved") from error
    return stage, following


def _initiator_name(declared: Mapping[str, str]) -> str:
    name = declared.get("InitiatorName", "")
    if not name:
        raise LoginError("InitiatorName is missing", LoginStatus.MISSING_PARAMETER)
    if len(name.encode()) > MAX_INITIATOR_NAME:
        raise LoginError("InitiatorName is too long")
    return name.lower()


def _is_discovery(declared: Mapping[str, str]) -> bool:
    kind = declared.get("SessionType", "Normal")
    if kind not in ("Normal", "Discovery"):
        raise LoginError(f"session type {kind}", LoginStatus.SESSION_TYPE_NOT_SUPPORTED)
    return kind == "Discovery"
