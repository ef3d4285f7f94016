"""`python -m stca`, and `torchrun ... -m stca`, are `stca`."""

import sys

from stca.cli import main

sys.exit(main())
