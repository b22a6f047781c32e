"""How a peer can break the protocol; each error carries what goes back to it."""

from pyvtl.iscsi.codes import LoginStatus, RejectReason


class ProtocolError(Exception):
    """The initiator broke RFC 7143 in full feature phase; answered by a Reject (section 11.17)."""

    def __init__(self, message: str, reason: RejectReason = RejectReason.PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.reason = reason


class LoginError(Exception):
    """The login fails; answered by a Login Response with this status, then closed (section 6.3)."""

    def __init__(self, message: str, status: LoginStatus = LoginStatus.INITIATOR_ERROR) -> None:
        super().__init__(message)
        self.status = status


class ConnectionBrokenError(Exception):
    """Framing is lost, or a limit passed that no Reject can answer: the connection closes."""
