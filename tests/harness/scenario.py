"""What a scenario is, and what it is given."""

import threading
import time
from pathlib import Path

import node as nodes_of
from node import Node, copy_chain
from peer import PeerError
from rpc import NotJson, RpcError
from wallet import Wallet

SCENARIOS = {}


class Skip(Exception):
    """The scenario is not for these programs."""


class Scenario:
    """A function, and the nodes that it wants."""

    def __init__(self, run, group, nodes, chain, args, only, start, timeout, p2p):
        self.run = run
        self.name = run.__name__
        self.group = group
        self.about = (run.__doc__ or "").strip().splitlines()[0]
        self.nodes = nodes
        self.chain = chain
        self.args = args
        self.only = only
        self.start = start
        self.timeout = timeout
        self.p2p = p2p


def scenario(nodes=1, chain="cached", args=(), only=None, start=True, timeout=180, p2p=False):
    """Enters a function in the list of scenarios.

    `chain` is "cached" (200 blocks, the last of them new) or "empty". `args` are for all nodes, or a list for each.
    `only` names the kind of programs that the scenario is about. `p2p` says that it needs connections.
    """

    def enter(run):
        group = run.__module__.rpartition(".")[2]
        if run.__name__ in SCENARIOS:
            raise ValueError(f"two scenarios are called {run.__name__}")
        SCENARIOS[run.__name__] = Scenario(run, group, nodes, chain, args, only, start, timeout, p2p)
        return run

    return enter


class Stage:
    """What a scenario works with: its nodes and its folder."""

    def __init__(self, of, directory, binaries, cache, claims):
        self.of = of
        self.directory = Path(directory)
        self.binaries = binaries
        self.cache = cache
        self.claims = claims
        self.nodes = []

    @property
    def node(self):
        return self.nodes[0]

    def set_up(self):
        """Makes the nodes and, if the scenario wants so, starts them."""
        for at in range(self.of.nodes):
            args = self.of.args[at] if self.of.args and not isinstance(self.of.args[0], str) else self.of.args
            self.add_node(args)
        if self.of.start:
            for each in self.nodes:
                each.start()
            if self.of.chain == "cached":
                self.extend_cached_chain()

    def add_node(self, args=(), chain=None, config=""):
        """Another node, not started."""
        at = len(self.nodes)
        made = Node(at, self.directory / f"node{at}", self.binaries, self.claims, args, config)
        if (chain or self.of.chain) == "cached":
            copy_chain(self.cache, made.directory)
        self.nodes.append(made)
        return made

    def extend_cached_chain(self):
        """Gives all nodes a block of today, with which they are no longer in initial download."""
        for each in self.nodes:
            info = each.getblockchaininfo()
            equal(info["blocks"], 199)
        block_hash = self.node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")[0]
        block = self.node.getblock(blockhash=block_hash, verbosity=0)
        for each in self.nodes:
            equal(each.submitblock(block), "duplicate" if each is self.node else None)
            info = each.getblockchaininfo()
            equal((info["blocks"], info["initialblockdownload"]), (200, False))

    def wallet(self, raw=False):
        return Wallet(self.node, raw)

    def aside(self, *calls, between, node=None, count=None):
        """Makes calls on clients of their own at once, does something when the node has them; their results.

        `count` is how many calls the node must be at work on before, its own question included.
        """
        node = node or self.node
        results = [None] * len(calls)

        def make(at, call):
            client = node.new_client()
            try:
                results[at] = call(client)
            except (RpcError, NotJson, OSError) as error:
                results[at] = error
            finally:
                client.close()

        threads = [threading.Thread(target=make, args=each, daemon=True) for each in enumerate(calls)]
        for each in threads:
            each.start()
        wanted = count or len(calls) + 1
        wait_until(lambda: len(node.getrpcinfo()["active_commands"]) >= wanted, f"{wanted} calls are under way")
        between()
        for each in threads:
            each.join(90)
            if each.is_alive():
                raise AssertionError("a call does not come back")
        return results

    def connect_all(self):
        """Connects each node with the one before it."""
        for one, other in zip(self.nodes[1:], self.nodes):
            nodes_of.connect(one, other)

    def sync(self):
        nodes_of.sync_blocks(self.nodes)
        nodes_of.sync_mempools(self.nodes)

    def tear_down(self):
        """Every node that still runs must stop well."""
        for each in self.nodes:
            for peer in each.peers:
                if peer.fault:
                    raise PeerError(f"the node sent what nobody may send: {peer.fault}")
            if each.process:
                each.stop()

    def kill(self):
        for each in self.nodes:
            each.kill()


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r} is not {wanted!r}")


def has(text, part):
    """One holds the other."""
    if part not in text:
        shown = text if len(text) < 1000 else "…" + text[-1000:]
        raise AssertionError(f"{part!r} is not in {shown!r}")


def refused(code, text, call, *args, **named):
    """The call must fail with this code and a message that holds this text; the message."""
    try:
        got = call(*args, **named)
    except RpcError as error:
        if error.code != code or text not in error.message:
            raise AssertionError(f"{error.code} {error.message!r} is not {code} {text!r}") from None
        return error.message
    raise AssertionError(f"{got!r} instead of error {code} {text!r}")


class MockClock:
    """The clock of nodes, which stands until it is moved."""

    def __init__(self, *nodes, start=None):
        self.nodes = nodes
        self.now = int(time.time()) if start is None else start
        self.set(self.now)

    def set(self, now):
        self.now = now
        for each in self.nodes:
            each.setmocktime(now)

    def move(self, seconds):
        self.set(self.now + seconds)


wait_until = nodes_of.wait_until
connect, disconnect = nodes_of.connect, nodes_of.disconnect
sync_blocks, sync_mempools = nodes_of.sync_blocks, nodes_of.sync_mempools
