"""`python -m tileserver` is the command `elsewhere`."""

import sys

from tileserver.cli import main

sys.exit(main())
