"""What the host's moves through import/export slots mean: a tape leaves, or one came in."""

from collections.abc import Callable, Collection, Mapping

from pyvtl.gateway.errors import GatewayError
from pyvtl.gateway.ledger import CREATION_DUE, Ledger, TapeRecord
from pyvtl.gateway.states import Happening
from pyvtl.media.medium import MediumError


class LedgerDoor:
    """The `Door` of the changer: the ledger knows of a move before it is made."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        exports: bool,
        exported: Callable[[str], object],
        imported: Callable[[], object],
    ) -> None:
        """`exported` and `imported` are called in the thread of the move, before it is made."""
        self._ledger, self._exports = ledger, exports
        self._exported, self._imported = exported, imported
        self._before: Mapping[str, TapeRecord] = {}

    @property
    def exports(self) -> bool:
        return self._exports

    def export(self, barcodes: Collection[str]) -> None:
        before = self._ledger.tapes()
        moved = []
        try:
            for barcode in barcodes:
                self._ledger.move(barcode, Happening.EXPORTED)
                moved.append(barcode)
        except GatewayError as error:
            self._ledger.put([before[barcode] for barcode in moved])
            raise MediumError(str(error)) from error
        self._before = {barcode: before[barcode] for barcode in moved}
        for barcode in moved:
            self._exported(barcode)

    def keep(self, barcodes: Collection[str]) -> None:
        self._ledger.put([self._before[barcode] for barcode in barcodes])

    def admit(self, barcodes: Collection[str]) -> None:
        if barcodes and self._ledger.rules():
            try:
                self._ledger.note(CREATION_DUE)
            except GatewayError as error:
                raise MediumError(str(error)) from error
            self._imported()
