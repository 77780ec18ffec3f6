"""python -m npdeep is npdeep."""

import sys

from npdeep.command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
