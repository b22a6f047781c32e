"""I_T nexuses: who talks to whom (SAM-5)."""

from typing import NamedTuple


class Nexus(NamedTuple):
    """One initiator port and one target port, by the names that the transport gives them.

    A tuple, because every command looks something up by its nexus.

    Unit attentions, reservations and prevention of medium removal are kept for each nexus.
    For iSCSI a port's name is `<iSCSI name>,i,0x<ISID>` or `<iSCSI name>,t,0x<TPGT>`.
    """

    initiator_port: str
    target_port: str
