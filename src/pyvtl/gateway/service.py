"""What settings mean: who may log in, to what, within which limits; who may read tapes."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pyvtl.cloud.pace import Pace
from pyvtl.cloud.reach import USUAL
from pyvtl.config.model import Config
from pyvtl.iscsi.chap import ChapCredentials
from pyvtl.iscsi.node import CredentialLookup, Node, TargetName, by_name
from pyvtl.iscsi.session import Limits
from pyvtl.store.keys import Secret
from pyvtl.store.pack_cache import CacheLimits

CACHE_BYTES: Final = 100 << 30
"""The most that the cache takes unless it is told otherwise."""


def node(config: Config, target_names: Sequence[str], credentials: CredentialLookup) -> Node:
    """All targets on all portals; `credentials` say who has to prove what."""
    return Node(
        by_name(TargetName(name) for name in target_names),
        advertised=config.portal.advertise,
        credentials=credentials,
        authentication_required=config.chap.user is not None,
    )


def chap_credentials(config: Config) -> ChapCredentials | None:
    """What initiators have to prove, and what targets prove to those that ask."""
    chap = config.chap
    if chap.user is None or chap.secret_bytes is None:
        return None
    return ChapCredentials(
        chap.user, chap.secret_bytes, chap.mutual_user or "", chap.mutual_secret_bytes
    )


def server_limits(config: Config) -> Limits:
    """Times that one connection is given."""
    portal = config.portal
    return Limits(
        login_seconds=portal.login_timeout,
        ping_after_seconds=portal.ping_after,
        ping_answer_seconds=portal.ping_timeout,
    )


def uploading_pace(config: Config) -> Pace:
    """When tapes go into the object store."""
    store = config.store
    return Pace(
        idle=store.idle_seconds,
        recovery_point=store.recovery_point_seconds,
        waits=replace(USUAL, longest_seconds=store.retry_seconds),
    )


def cache_limits(config: Config) -> CacheLimits:
    """How much copies may take of the disk of the data folder, which is there.  Blocks."""
    limit = config.cache.limit
    if limit is None:
        limit = min(CACHE_BYTES, shutil.disk_usage(config.gateway.data_dir).total // 2)
    return CacheLimits(limit)


def master_secret(config: Config) -> Secret | None:
    """What encrypted tapes are opened with, if it is given."""
    key, passphrase = config.store.master_key, config.store.passphrase
    return Secret(key, passphrase) if key or passphrase else None
