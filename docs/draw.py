"""Draw docs/protocol.md from the tables that the code runs on: `python docs/draw.py`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pyvtl.iscsi.codes import LoginStage
from pyvtl.iscsi.keys import KEYS, Key, Phase
from pyvtl.iscsi.login import TRANSITIONS
from pyvtl.iscsi.values import Result, both, either, first_common, maximum, minimum

PAGE = Path(__file__).with_name("protocol.md")

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
    """Write the page."""
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
