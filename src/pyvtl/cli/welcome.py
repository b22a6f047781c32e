"""What `pyvtl serve` says once it serves: what there is, and the commands that attach a host."""

import shlex

from pyvtl.api.serving import Endpoint
from pyvtl.config.folder import default_data_dir
from pyvtl.config.model import Config
from pyvtl.gateway.gateway import Gateway
from pyvtl.iscsi.node import PortalAddress

WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised here, not listened on


def welcome(gateway: Gateway, endpoint: Endpoint | None = None) -> str:
    """Several lines, for a person who has just started the server."""
    config, drives = gateway.config, gateway.drive_names
    portal = _reached_at(gateway)
    changer, first_drive = _link(gateway, 0), _link(gateway, 1) + "-nst"
    options = _options(config)
    return f"""\
pyvtl serves a library of {len(drives)} drives on {", ".join(map(str, gateway.portals))}
  data folder  {config.gateway.data_dir}
  changer      {gateway.changer_name}
  drives       {drives[0]} to {drives[-1][-2:]}
{_api(config, endpoint)}{_chap(config)}
Attach a Linux host:
  iscsiadm --mode discovery --type sendtargets --portal {portal}
  iscsiadm --mode node --portal {portal} --login
  mtx -f $(readlink -f {changer}) status
  mt -f {first_drive} status

Make tapes, and see who uses the library:
  pyvtl tape create{options} --prefix DEMO --count 5 --size 100GiB
  pyvtl library status{options}
"""


def _api(config: Config, endpoint: Endpoint | None) -> str:
    """Where the AWS Storage Gateway API is, and with which keys to use it."""
    if endpoint is None:
        return ""
    call = f"aws --endpoint-url {endpoint.url} --region {config.api.region} storagegateway"
    keys = "the keys of the settings [api]"
    if endpoint.credentials is not None:
        keys = str(endpoint.credentials)
        call = f"AWS_SHARED_CREDENTIALS_FILE={shlex.quote(keys)} {call}"
    return f"""\
  AWS API      {endpoint.url}, keys in {keys}

Use the AWS Storage Gateway API:
  {call} list-tapes
"""


def _reached_at(gateway: Gateway) -> str:
    """The portal as an initiator writes it; HOST stands for a name that only people know."""
    portal = (gateway.config.portal.advertise or gateway.portals)[0]
    host = "HOST" if portal.host in WILDCARDS else portal.host
    return str(PortalAddress(host, portal.port))


def _link(gateway: Gateway, device: int) -> str:
    """What Debian's udev rules call the changer (device 0) or a drive, by its serial number."""
    units = [gateway.library.changer, *(bay.drive for bay in gateway.library.bays.values())]
    return f"/dev/tape/by-id/scsi-{units[device].identity.serial}"


def _options(config: Config) -> str:
    folder = config.gateway.data_dir
    return "" if folder == default_data_dir() else f" --data-dir {shlex.quote(str(folder))}"


def _chap(config: Config) -> str:
    """What /etc/iscsi/iscsid.conf has to say first, when there is an account to prove."""
    if config.chap.user is None:
        return ""
    lines = (
        f"  {prefix}.auth.{key} = {value}"
        for prefix in ("discovery.sendtargets", "node.session")
        for key, value in (
            ("authmethod", "CHAP"),
            ("username", config.chap.user),
            ("password", "the secret of chap.secret"),
        )
    )
    return "\n".join(
        ("", "Let a host know the account, in its /etc/iscsi/iscsid.conf:", *lines, "")
    )
