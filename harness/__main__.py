"""`python -m harness` is `finishline`."""

import sys

from harness.cli import main

sys.exit(main())
