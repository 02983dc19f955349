from tests.one_tensorflow import one_tensorflow

__all__ = ["one_tensorflow"]
