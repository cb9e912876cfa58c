"""The rivals: one folder each, with its pinned versions and its driver."""
