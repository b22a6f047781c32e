"""What is kept of a gateway beside its tapes, and who looks after it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pyvtl.config.model import Config
from pyvtl.gateway.bandwidth import Bandwidth, limits_of
from pyvtl.gateway.changer_type import ChangerType, ChangerTypes
from pyvtl.gateway.chap import AllCredentials
from pyvtl.gateway.information import About, Information
from pyvtl.gateway.kept import Kept


@dataclass(frozen=True, slots=True)
class Owned:
    """All that is read from the data folder before there are devices and portals."""

    about: About
    bandwidth: Bandwidth
    changer_types: ChangerTypes
    credentials: Kept[AllCredentials]

    @classmethod
    def read(cls, folder: Path, gateway_id: str, config: Config) -> Self:
        """Blocks; raises GatewayError."""
        rates = config.store.rates
        name = f"pyvtl-{gateway_id}"
        about = About(Kept(folder / "information.json", Information(name)), gateway_id)
        return cls(
            about,
            Bandwidth(Kept(folder / "bandwidth.json", limits_of(rates)), about, rates),
            ChangerTypes(
                Kept(folder / "changer.json", ChangerType()), gateway_id, config.library.geometry
            ),
            Kept(folder / "chap.json", AllCredentials()),
        )
