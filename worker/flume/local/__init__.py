"""Local mode: a Pipeline manifest run on one machine, its own Valkey included."""
