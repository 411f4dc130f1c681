"""The process: start, folder, stop, signals."""

import os
import re
import signal
import stat
import threading
import time

from node import wait_until
from rpc import NotJson, RpcError
from scenario import equal, has, refused, scenario

FOLDERS = {"blocks", "chainstate", "indexes", "wallets"}


@scenario(chain="empty", start=False)
def start_and_stop(stage):
    """What a new folder holds, while the node runs and after it stopped."""
    node = stage.node
    node.start()
    cookie = node.cookie.read_text()
    assert re.fullmatch(r"__cookie__:[0-9a-zA-Z_.~-]+", cookie), cookie
    equal(stat.S_IMODE(node.cookie.stat().st_mode), 0o600)
    equal(stat.S_IMODE(node.chain_dir.stat().st_mode), 0o700)
    equal((node.chain_dir / "bitcoind.pid").read_text().strip(), str(node.process.pid))
    equal(os.listdir(node.chain_dir / "wallets"), [])
    assert node.log.exists()
    has(node.log.read_text(), "init message: Done loading")
    equal(node.getblockcount(), 0)
    info = node.getblockchaininfo()
    equal((info["chain"], info["initialblockdownload"], info["pruned"]), ("regtest", True, False))
    node.stop()
    assert not node.cookie.exists()
    assert not (node.chain_dir / "bitcoind.pid").exists()
    entries = list(os.scandir(node.chain_dir))
    equal({entry.name for entry in entries if entry.is_dir()} - FOLDERS, set())
    assert all(entry.is_dir() or entry.is_file(follow_symlinks=False) for entry in entries)
    for entry in entries:
        equal((entry.name, stat.S_IMODE(entry.stat().st_mode) & 0o077), (entry.name, 0))


@scenario()
def restart_keeps_all(stage):
    """After a restart the chain is there and the log has grown."""
    node = stage.node
    tip, coins = node.getbestblockhash(), node.gettxoutsetinfo("muhash")["muhash"]
    size = node.log.stat().st_size
    node.restart()
    equal((node.getbestblockhash(), node.gettxoutsetinfo("muhash")["muhash"]), (tip, coins))
    assert node.log.stat().st_size > size
    equal(node.getblockchaininfo()["initialblockdownload"], False)


@scenario()
def signals(stage):
    """SIGTERM and SIGINT end a node well; after SIGKILL it starts again with what it had flushed or can replay."""
    node = stage.node
    tip = node.getbestblockhash()
    for number in (signal.SIGTERM, signal.SIGINT):
        node.process.send_signal(number)
        node.wait_stopped()
        assert not node.cookie.exists()
        node.start()
        equal(node.getbestblockhash(), tip)
    node.generatetoaddress(5, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    node.kill()
    node.start()
    assert 199 <= node.getblockcount() <= 205
    equal(node.verifychain(), True)


@scenario(start=False)
def sigterm_during_start(stage):
    """A node that is told to end while it starts ends well, whenever that is."""
    node = stage.node
    for wait in (0.02, 0.05, 0.1, 0.2, 0.4):
        node.spawn()
        # Before the log is there, no handler for the signal needs to be.
        wait_until(node.log.exists, "there is a log", every=0.002)
        size = node.log.stat().st_size
        wait_until(lambda: node.log.stat().st_size > size or node.cookie.exists(), "the log grows", every=0.002)
        time.sleep(wait)
        node.terminate()
        node.wait_stopped()
        assert not node.cookie.exists()
    node.start()
    equal(node.getblockcount(), 199)


@scenario(chain="empty", start=False)
def warm_up(stage):
    """Whoever calls while the node starts is told so with -28, or finds nobody."""
    node = stage.node
    node.spawn()
    codes = set()

    def answered():
        if not node.cookie.exists():
            return False
        try:
            node.connect_rpc()
            node.client.getblockcount()
            return True
        except RpcError as error:
            codes.add(error.code)
        except (NotJson, ConnectionError, TimeoutError):
            pass
        return False

    wait_until(answered, "the node answers", every=0.001)
    assert codes <= {-28}, codes


@scenario(chain="empty")
def one_per_folder(stage):
    """A folder belongs to one process."""
    node = stage.node
    second = stage.add_node()
    (second.directory / "bitcoin.conf").write_text(f"regtest=1\n[regtest]\nport={second.p2p_port}\n")
    name = re.escape(str(node.chain_dir))
    second.spawn([f"-datadir={node.directory}", f"-rpcport={second.rpc_port}"])
    second.wait_stopped(code=1, stderr=None)
    pattern = rf"Error: Cannot obtain a lock on directory {name}. .+ is probably already running\."
    assert re.fullmatch(pattern, second.stderr()), second.stderr()
    equal(node.getblockcount(), 0)


@scenario(chain="empty")
def stop_answers_first(stage):
    """`stop` answers, and then the process ends, though somebody waits for a block."""
    node = stage.node
    seen = []

    def wait():
        try:
            seen.append(node.new_client().waitfornewblock(60_000))
        except (OSError, NotJson, RpcError) as error:
            seen.append(error)

    waiting = threading.Thread(target=wait)
    client = node.client
    waiting.start()
    wait_until(lambda: len(client.getrpcinfo()["active_commands"]) > 1, "somebody waits")
    has(client.stop(), "stopping")
    node.wait_stopped()
    waiting.join(30)
    assert not waiting.is_alive()


@scenario(chain="empty", start=False)
def help_and_version(stage):
    """`-version` and `-help` print and end; `help` and `uptime` answer."""
    node = stage.node
    for flag, word in (("-version", "version"), ("-help", "Options"), ("-h", "Options")):
        node.spawn([flag])
        node.wait_stopped()
        out = sorted((node.directory / "stdout").iterdir(), key=lambda path: int(path.name))[-1]
        has(out.read_text(), word)
    node.start()
    has(node.help(), "getblockcount")
    has(node.help("getblock"), 'getblock "blockhash" ( verbosity )')
    equal(node.help("nothing"), "help: unknown command: nothing")
    assert 0 <= node.uptime() < 60
    info = node.getrpcinfo()
    equal(info["logpath"], str(node.log))
    equal(info["active_commands"][0]["method"], "getrpcinfo")
    refused(-1, "getblockcount", node.getblockcount, 1)
