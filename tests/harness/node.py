"""A node under test: its process, folder, log and RPC."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from peer import Peer
from ports import free_port
from rpc import NotJson, Rpc, RpcError

PATIENCE = 60
FIXED_ARGS = [
    "-debug", "-debugexclude=leveldb", "-debugexclude=rand", "-logtimemicros", "-logthreadnames", "-logsourcelocations",
    "-loglevel=trace", "-nologratelimit", "-disablewallet", "-v2transport=0",
]
CONFIG = """regtest=1
[regtest]
port={p2p}
rpcport={rpc}
rpcservertimeout=99000
rpcthreads=2
rpcdoccheck=1
fallbackfee=0.0002
server=1
keypool=1
discover=0
dnsseed=0
fixedseeds=0
listenonion=0
natpmp=0
peertimeout=999999999
printtoconsole=0
shrinkdebugfile=0
unsafesqlitesync=1
par=2
prevoutfetchthreads=1
connect=0
bind=127.0.0.1
"""


def wait_until(done, what, timeout=PATIENCE, every=0.05):
    """Asks until it holds; what it gave."""
    until = time.monotonic() + timeout
    while True:
        answer = done()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(every)


class Node:
    """One node; its folder is `directory`. RPC methods are called as methods of the node."""

    def __init__(self, index, directory, binaries, claims, args=(), config=""):
        self.index = index
        self.name = f"testnode{index}"
        self.directory = Path(directory)
        self.binaries = binaries
        self.args = list(args)
        self.p2p_port = free_port(claims)
        self.rpc_port = free_port(claims)
        self.process = None
        self.client = None
        self.peers = []
        self.capture = None
        for name in ("stdout", "stderr"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(p2p=self.p2p_port, rpc=self.rpc_port) + config
        (self.directory / "bitcoin.conf").write_text(text)

    # Folder.

    @property
    def chain_dir(self):
        return self.directory / "regtest"

    @property
    def cookie(self):
        return self.chain_dir / ".cookie"

    @property
    def log(self):
        return self.chain_dir / "debug.log"

    def log_tail(self, lines=25):
        if not self.log.exists():
            return "no debug.log"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    # Process.

    def argv(self, args=None):
        given = self.args if args is None else list(args)
        return [str(self.binaries.daemon), f"-datadir={self.directory}", f"-uacomment={self.name}", *FIXED_ARGS, *given]

    def spawn(self, args=None):
        """Starts the process and waits for nothing."""
        assert self.process is None, "the node runs"
        self.cookie.unlink(missing_ok=True)
        run = len(list((self.directory / "stderr").iterdir()))
        self.capture = self.directory / "stderr" / str(run)
        with open(self.directory / "stdout" / str(run), "wb") as out, open(self.capture, "wb") as err:
            self.process = subprocess.Popen(self.argv(args), stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def start(self, args=None):
        """Starts the node and waits until it does all it does."""
        self.spawn(args)
        self.wait_for_rpc()
        wait_until(lambda: self.getmempoolinfo()["loaded"], "the mempool is loaded")

    def wait_for_rpc(self):
        def answers():
            if self.process.poll() is not None:
                raise AssertionError(f"the node ended with {self.process.returncode}: {self.stderr()}")
            if not self.cookie.exists():
                return False
            try:
                self.connect_rpc()
                self.client.getblockcount()
                return True
            except RpcError as error:
                if error.code != -28:
                    raise
            except NotJson as error:
                if error.status == 401:
                    return False
            except (ConnectionError, TimeoutError):
                pass
            return False

        wait_until(answers, f"{self.name} answers")

    def credentials(self):
        """User and password from the cookie, which are all of its bytes."""
        user, password = self.cookie.read_bytes().decode().split(":")
        return user, password

    def connect_rpc(self):
        self.close_rpc()
        self.client = self.new_client()

    def new_client(self, **how):
        """Another RPC connection, for another thread."""
        return Rpc(self.rpc_port, *self.credentials(), **how)

    def close_rpc(self):
        if self.client:
            self.client.close()
            self.client = None

    def stderr(self):
        return self.capture.read_text(errors="replace").strip() if self.capture else ""

    def stop(self, stderr=""):
        """Stops by RPC: exit code 0 within a minute, and nothing said on stderr but this."""
        self.client.stop(wait=0)
        self.wait_stopped(stderr=stderr)

    def wait_stopped(self, code=0, stderr=""):
        """Waits for the end of the process, which is checked."""
        self.close_rpc()
        self.hang_up_all()
        try:
            got = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end") from None
        self.process = None
        if got != code:
            raise AssertionError(f"{self.name} ended with {got}, not {code}: {self.stderr()}")
        if stderr is not None and self.stderr() != stderr:
            raise AssertionError(f"{self.name} said on stderr: {self.stderr()!r}, not {stderr!r}")

    def restart(self, args=None):
        self.stop()
        self.start(args)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def kill(self):
        """What a power cut does."""
        self.close_rpc()
        self.hang_up_all()
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def fails_to_start(self, args, said, contains=False):
        """Starting must fail with exit code 1 and this on stderr."""
        self.spawn(args)
        try:
            self.wait_stopped(code=1, stderr=None)
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"started with {args}: {error}") from None
        matches = said in self.stderr() if contains else said == self.stderr()
        if not matches:
            raise AssertionError(f"stderr is {self.stderr()!r}, not {said!r}")

    # RPC.

    def __getattr__(self, method):
        if method.startswith("_") or method != method.lower():
            raise AttributeError(method)
        if self.client is None:
            raise AttributeError(f"{method}: {self.name} does not run")
        return getattr(self.client, method)

    def cli(self, *args, stdin="", port=True):
        """Runs the client: (exit code, stdout, stderr)."""
        command = [self.binaries.cli, f"-datadir={self.directory}", *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stdout.rstrip("\n"), done.stderr.rstrip("\n")

    # Log.

    @contextlib.contextmanager
    def logs(self, *expected, absent=(), timeout=0):
        """What is done inside must bring all these texts into debug.log, and none of the absent ones.

        Without a timeout they must be there when what was done inside is done.
        """
        begin = self.log.stat().st_size
        yield
        until = time.monotonic() + timeout
        while True:
            with open(self.log, "rb") as log:
                log.seek(begin)
                text = log.read().decode(errors="replace")
            for each in absent:
                if each in text:
                    raise AssertionError(f"{self.name} logged {each!r}")
            missing = [each for each in expected if each not in text]
            if not missing:
                return
            if time.monotonic() >= until:
                raise AssertionError(f"{self.name} did not log {missing!r} but:\n{text[-4000:]}")
            time.sleep(0.05)

    # Peers.

    def peer(self, peer=None, ready=True, **options):
        """A peer that connects to this node."""
        peer = peer or Peer(**options)
        peer.node = self
        self.peers.append(peer)
        peer.dial(self.p2p_port)
        if ready:
            peer.ready()
            peer.id = self.info_of(peer)["id"]
        return peer

    def outbound(self, kind="outbound-full-relay", peer=None, ready=True, **options):
        """A peer that this node connects to."""
        peer = peer or Peer(**options)
        peer.node = self
        self.peers.append(peer)
        self.addconnection(f"127.0.0.1:{peer.listen()}", kind, False)
        peer.accept()
        if ready:
            peer.ready()
            peer.id = self.info_of(peer)["id"]
        return peer

    def info_of(self, peer):
        """The one entry of getpeerinfo that is this peer's."""
        end = f"{peer.socket.getpeername()[0]}:{peer.socket.getpeername()[1]}" if peer.outbound else None
        found = [
            info for info in self.getpeerinfo()
            if (info["addrbind"] == end if peer.outbound else info["addr"] == peer.address)
        ]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} entries for a peer")
        return found[0]

    def hang_up_all(self):
        for peer in self.peers:
            peer.close()
        self.peers = []

    def hang_up(self, peer):
        """Closes a peer's connection and waits until the node knows."""
        before = peer.id
        peer.close()
        self.peers.remove(peer)
        wait_until(lambda: all(info["id"] != before for info in self.getpeerinfo()), "the node sees the peer go")

    def info_of_node(self, other):
        """The entries of getpeerinfo that are connections with another node of the harness."""
        return [info for info in self.getpeerinfo() if f"({other.name}" in info["subver"]]


def connect(one, other):
    """Has one node dial the other; waits until both are done with the handshake."""
    one.addnode(f"127.0.0.1:{other.p2p_port}", "onetry")

    def known(node, partner, inbound):
        return any(
            info["inbound"] == inbound and info["bytesrecv_per_msg"].get("pong", 0) >= 29
            for info in node.info_of_node(partner)
        )

    wait_until(lambda: known(one, other, False) and known(other, one, True), "the nodes know each other")


def disconnect(one, other):
    """Ends all connections between two nodes."""
    for info in one.info_of_node(other):
        try:
            one.disconnectnode(nodeid=info["id"])
        except RpcError as error:
            if error.code != -29:
                raise
    wait_until(lambda: not one.info_of_node(other) and not other.info_of_node(one), "the nodes are apart")


def sync_blocks(nodes, timeout=PATIENCE):
    """Waits until all nodes have the same tip."""
    wait_until(lambda: len({node.getbestblockhash() for node in nodes}) == 1, "the tips are the same", timeout)


def sync_mempools(nodes, timeout=PATIENCE):
    """Waits until all mempools hold the same, and what listens to them has been told."""
    wait_until(
        lambda: len({frozenset(node.getrawmempool()) for node in nodes}) == 1, "the mempools are the same", timeout
    )
    for node in nodes:
        node.syncwithvalidationinterfacequeue()


def copy_chain(cache, directory):
    """Gives a node that never ran the cached chain."""
    shutil.copytree(Path(cache) / "regtest", Path(directory) / "regtest")
    os.chmod(Path(directory) / "regtest", 0o700)
