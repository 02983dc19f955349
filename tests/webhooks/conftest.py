"""The service in memory of the core's tests."""

from tests.core.conftest import mill

__all__ = ["mill"]
