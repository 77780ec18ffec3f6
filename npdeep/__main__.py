"""python -m npdeep is npdeep."""

import sys

from npdeep.cli import main

if __name__ == "__main__":
    sys.exit(main())
