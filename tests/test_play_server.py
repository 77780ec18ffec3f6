"""The playground's server without a browser: the short form of tests/attacks/hammer_playground.py, and whom it answers."""

import importlib.util
import subprocess
import sys
import types
from pathlib import Path

import pytest

MISSING = [name for name in ("panel", "bokeh", "threadpoolctl") if importlib.util.find_spec(name) is None]
if MISSING:
    pytest.skip(f"needs {', '.join(MISSING)}: python -m pip install -e '.[play]'", allow_module_level=True)

SCRIPT = Path(__file__).parent / "attacks" / "hammer_playground.py"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="measures memory as Linux tells it")
@pytest.mark.parametrize("attack", ["foreign", "damaged", "not read"])
def test_load_and_hostile_input_are_survived(attack):
    command = [sys.executable, str(SCRIPT), "--frames", "3", "--deaf", "3", "--only", attack]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_only_requests_for_its_own_names_are_served():
    from tornado.web import HTTPError

    from npdeep.teaching.play.server import OwnNames, origins

    names = OwnNames([*origins("127.0.0.1", 5006), "class.example:80"])

    def asked(host):
        return names.check(types.SimpleNamespace(request=types.SimpleNamespace(host=host)))

    for host in ("127.0.0.1:5006", "localhost:5006", "LOCALHOST:5006", "class.example", "class.example:80"):
        assert asked(host) == "default_user"
    others = ["evil.example", "evil.example:5006", "127.0.0.1:5006.evil.example", "127.0.0.1", "127.0.0.1:80", "", "[::1]:5006"]
    for host in others:
        with pytest.raises(HTTPError, match="not served under this name") as caught:
            asked(host)
        assert caught.value.status_code == 403
        assert caught.value.reason.endswith("open http://127.0.0.1:5006/")
