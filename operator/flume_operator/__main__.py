"""``python -m flume_operator``."""

from flume_operator.cli import main

if __name__ == "__main__":
    main()
