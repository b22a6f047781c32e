"""Draw pages of docs/ from the tables that the code runs on: `python docs/draw.py`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pyvtl.gateway.states import TRANSITIONS as LIFE
from pyvtl.gateway.states import Happening, Status
from pyvtl.iscsi.codes import LoginStage
from pyvtl.iscsi.keys import KEYS, Key, Phase
from pyvtl.iscsi.login import TRANSITIONS
from pyvtl.iscsi.values import Result, both, either, first_common, maximum, minimum

PAGE = Path(__file__).with_name("protocol.md")
LIFE_PAGE = Path(__file__).with_name("life-cycle.md")

INTRODUCTION = """\
# The iSCSI login, as the code has it

This page is drawn by `docs/draw.py` from `TRANSITIONS` in `src/pyvtl/iscsi/login.py` and `KEYS` in
`src/pyvtl/iscsi/keys.py`; a test fails when it is stale.

## States (RFC 7143 section 6.3)

An arrow says the current stage of a request and, when a transit is granted, the next stage. Every
other request ends the login with status 0200h. A transit is granted once CHAP, if it was agreed
on, is over.
"""

KEYS_HEADING = """\
## Keys (RFC 7143 section 13)

A key without a result is declared, not negotiated.
"""

LIFE_INTRODUCTION = """\
# The life of a tape, as the code has it

This page is drawn by `docs/draw.py` from `TRANSITIONS` in `src/pyvtl/gateway/states.py`; a test
fails when it is stale. [operations.md](operations.md#the-archive) says what it means for users.

Whatever is not an arrow here is refused, with what to do first. A change is durable before it
counts; a gateway that is killed goes on with what each state asks for. RECOVERED are tapes that
`RetrieveTapeRecoveryPoint` brings; what `store attach`, `store adopt`, `store pull` and
`tape recover` bring is AVAILABLE. Nothing makes a tape IRRECOVERABLE yet: the API tells that of one
that is damaged or fenced.
"""

RESULTS: dict[Result | None, str] = {
    minimum: "minimum",
    maximum: "maximum",
    both: "AND",
    either: "OR",
    first_common: "first in common",
    None: "",
}


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_states(), "", KEYS_HEADING, *_keys(), ""])


def life_page() -> str:
    """The page about the states of a tape."""
    return "\n".join([LIFE_INTRODUCTION, *_life(), "", *_happenings(), ""])


def _life() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for status in Status:
        yield f'    state "{status.value}" as {status.name}'
    yield "    [*] --> CREATING"
    for (before, happening), after in LIFE.items():
        yield f"    {before.name} --> {after.name}: {happening.name.lower().replace('_', ' ')}"
    yield "    DELETED --> [*]"
    yield "```"


def _happenings() -> Iterator[str]:
    yield "| What happens | that is |"
    yield "|---|---|"
    for happening in Happening:
        yield f"| {happening.name.lower().replace('_', ' ')} | {happening.value} |"


def _states() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    [*] --> START"
    for (before, stage, following), after in TRANSITIONS.items():
        yield f"    {before.name} --> {after.name}: {_arrow(stage, following)}"
    yield "    FULL_FEATURE --> [*]"
    yield "```"


def _arrow(stage: LoginStage, following: LoginStage | None) -> str:
    return f"CSG {stage.value}" + ("" if following is None else f", NSG {following.value}")


def _keys() -> Iterator[str]:
    yield "| Key | Value | Result | Default | Scope | Sent by | When | Discovery |"
    yield "|---|---|---|---|---|---|---|---|"
    for key in KEYS.values():
        yield "| " + " | ".join(_row(key)) + " |"


def _row(key: Key) -> tuple[str, ...]:
    return (
        key.name,
        str(key.kind),
        RESULTS[key.result],
        "" if key.default is None else key.kind.render(key.default),
        key.scope.value,
        _flags(key.sender.name),
        "any time" if key.phase is Phase.ALL else _flags(key.phase.name),
        "no" if key.normal_only else "yes",
    )


def _flags(names: str | None) -> str:
    return (names or "").lower().replace("_", " ").replace("|", ", ")


def main() -> int:
    """Write the pages."""
    PAGE.write_text(page())
    LIFE_PAGE.write_text(life_page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
