"""How many cases of bad input are tried: hundreds each time, more than ten thousand in CI.

FUZZ_CASES sets the number that each test takes its share of.
"""

import os

from hypothesis import HealthCheck, settings

CASES = int(os.environ.get("FUZZ_CASES", "4000" if os.environ.get("CI") else "100"))


def share(part: float = 1) -> settings:
    """Settings for a test that tries `part` of the cases."""
    return settings(
        max_examples=max(10, int(CASES * part)),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
