"""What schemathesis must be told before it can send all that we serve."""

from typing import Any

import schemathesis

schemathesis.serializer.alias("application/partial-upload", "application/octet-stream")


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out headers that nobody knows: a server ignores them (RFC 9110, 5.1), and is no worse for it."""
    return not any(name.lower().startswith("x-schemathesis-unknown") for name in case.headers or ())
