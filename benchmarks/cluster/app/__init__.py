"""The app in the worker pods of the benchmark."""
