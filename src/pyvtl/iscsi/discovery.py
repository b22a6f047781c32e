"""Text requests in full feature phase, SendTargets above all (RFC 7143 11.10, appendix C)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pyvtl.iscsi.keys import KEYS, NOT_UNDERSTOOD, OBSOLETE, REJECT, Parameters, Phase, Sender
from pyvtl.iscsi.login import Established
from pyvtl.iscsi.node import Node, PortalAddress, TargetName
from pyvtl.iscsi.text import Pair, TextError


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """The pairs to answer, and the connection's parameters from the answer on."""

    pairs: tuple[Pair, ...]
    parameters: Parameters


def answer(
    pairs: Iterable[Pair], session: Established, node: Node, local: PortalAddress
) -> TextAnswer:
    """Answer a whole text that came in on the portal `local`."""
    parameters, answers = session.parameters, list[Pair]()
    for name, value in pairs:
        if name == "SendTargets":
            answers += send_targets(value, session, node, local)
        elif name == "MaxRecvDataSegmentLength":
            parameters, rejected = _redeclared(parameters, value)
            answers += rejected
        else:
            answers += _other(name)
    return TextAnswer(tuple(answers), parameters)


def send_targets(value: str, session: Established, node: Node, local: PortalAddress) -> list[Pair]:
    """The targets asked for, each with the addresses at which it is to be found.

    A name that is unknown, or not open to this initiator, has no records; a value that the
    kind of session does not allow is rejected.
    """
    own = session.target_name
    if value == ("" if own is None else "All"):
        return [("SendTargets", REJECT)]
    if value == "All":
        found = list(node.targets.values())
    else:
        named = node.target(value or own or "")
        # A normal session tells of its own target alone.
        found = [] if named is None or own not in (None, named.name) else [named]
    visible = [target for target in found if target.admits(session.initiator_name)]
    return [pair for target in visible for pair in _records(target, node, local)]


def _records(target: TargetName, node: Node, local: PortalAddress) -> list[Pair]:
    addresses = [
        ("TargetAddress", f"{portal},{node.portal_group_tag}") for portal in node.portals_for(local)
    ]
    return [("TargetName", target.name), *addresses]


def _redeclared(parameters: Parameters, value: str) -> tuple[Parameters, list[Pair]]:
    """The one parameter of a connection that may change in full feature phase (13.12)."""
    key = KEYS["MaxRecvDataSegmentLength"]
    try:
        return replace(parameters, max_send_data_segment_length=key.kind.parse(value)), []
    except TextError:
        return parameters, [(key.name, REJECT)]


def _other(name: str) -> list[Pair]:
    key = KEYS.get(name)
    if key is None:
        return [(name, REJECT if name in OBSOLETE else NOT_UNDERSTOOD)]
    allowed = Phase.FULL_FEATURE in key.phase and Sender.INITIATOR in key.sender
    return [] if allowed else [(name, REJECT)]
