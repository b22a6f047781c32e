"""Command tables."""

import pytest

from pyvtl.scsi.command import CommandTable, command
from pyvtl.scsi.primary import Reserve6
from pyvtl.scsi.reservation import reserve


def test_two_rows_with_one_operation_code_are_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        CommandTable(command(Reserve6, reserve), command(Reserve6, reserve))
