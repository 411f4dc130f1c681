"""Which programs are tested, and where the programs of this project are."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Binaries:
    """A daemon and its client. `kind` is "chaincore" or "bitcoin", by what `-version` says."""

    def __init__(self, daemon, cli, kind=None):
        self.kind = kind
        self.daemon = Path(daemon).resolve()
        self.cli = Path(cli).resolve() if cli else None
        for path in (self.daemon, self.cli):
            if path and not os.access(path, os.X_OK):
                raise SystemExit(f"{path} is not a program; see tests/harness/README.md")
        if kind is None:
            self.ask()

    def ask(self):
        """Has the daemon say what it is."""
        said = subprocess.run([self.daemon, "-version"], capture_output=True, text=True, timeout=60, check=True)
        self.version = said.stdout.splitlines()[0]
        self.kind = "bitcoin" if "Bitcoin Core" in self.version else "chaincore"


def find(daemon=None, cli=None, kind=None):
    """The programs given, else those of the environment, else those that cargo built last."""
    daemon = daemon or os.environ.get("HARNESS_DAEMON")
    cli = cli or os.environ.get("HARNESS_CLI")
    if daemon is None:
        folders = [Path(os.environ["CHAINCORE_BINARIES"])] if "CHAINCORE_BINARIES" in os.environ else []
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        folders += [target / "release", target / "debug"]
        found = [folder / "chaincored" for folder in folders if (folder / "chaincored").exists()]
        if not found:
            raise SystemExit("no chaincored was found: build it (cargo build) or name one with --daemon")
        daemon = max(found, key=lambda path: path.stat().st_mtime)
    if cli is None:
        beside = [Path(daemon).with_name(name) for name in ("chaincore-cli", "bitcoin-cli")]
        cli = next((path for path in beside if path.exists()), None)
    return Binaries(daemon, cli, kind)
