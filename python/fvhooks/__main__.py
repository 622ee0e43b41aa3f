import sys

from fvhooks.run import main

sys.exit(main(sys.argv[1:]))
