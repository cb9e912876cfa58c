"""The app: an ordinary Python package, which knows nothing of the demo around it."""
