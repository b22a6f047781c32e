"""Who has which tape: two who write one would both lose."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from pyvtl.media.medium import MediumError


class InUseError(MediumError):
    """Somebody else has the tape."""


class Claims:
    """Tapes that somebody has to himself, by barcode.  May be used from any thread."""

    def __init__(self) -> None:
        self._claimed: set[str] = set()
        self._visited: set[str] = set()
        self._changed = Condition()

    @contextmanager
    def claim(self, barcode: str, *, visit: bool = False) -> Iterator[None]:
        """Have a tape to oneself, or raise InUseError.

        The end of a `visit` is waited for instead: nobody is refused a tape because of one.
        """
        with self._changed:
            self._changed.wait_for(lambda: barcode not in self._visited)
            if barcode in self._claimed:
                raise InUseError(f"tape {barcode} is in use")
            claims = self._visited if visit else self._claimed
            claims.add(barcode)
        try:
            yield
        finally:
            with self._changed:
                claims.discard(barcode)
                self._changed.notify_all()
