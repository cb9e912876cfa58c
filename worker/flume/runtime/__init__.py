"""The worker: one role a file, put together in ``worker.py``."""
