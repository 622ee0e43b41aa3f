"""Makes the package in a build tree importable in this environment, as if installed: link_into_venv.py DIRECTORY"""

import pathlib
import sys
import sysconfig

directory = pathlib.Path(sys.argv[1]).resolve()
startup = pathlib.Path(__file__).parents[1] / "python" / "fvhooks_startup.pth"
link = pathlib.Path(sysconfig.get_path("purelib")) / "fvhooks_build.pth"
link.write_text(f"{directory}\n{startup.read_text()}")
