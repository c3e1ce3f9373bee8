"""`python -m hifisyn` is `hifisyn`."""

import sys

from hifisyn.cli.umbrella import main

if __name__ == "__main__":
    sys.exit(main(None))
