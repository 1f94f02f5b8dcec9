"""``python -m quilt_cfn`` is the command line."""

import sys

from quilt_cfn.cli import main

sys.exit(main())
