"""A P2P peer that scenarios play: it dials a node, or waits for a node to dial it.

One thread per peer reads and answers; scenarios send from their own thread and wait for what arrives.
"""

import random
import socket
import threading
import time

import messages as m
from codec import DecodeError

PATIENCE = 60


class PeerError(Exception):
    """The connection did not go as it must."""


class Peer:
    """A connection. Everything received is kept in `received`, oldest first.

    `handshake=False` sends nothing unasked; `answers` names the message types that are answered by themselves.
    """

    ANSWERS = frozenset({"version", "ping", "inv", "getdata", "getheaders"})
    # Of those, what a connection needs: whoever counts blocks must not be given one that it asked for unawares.
    PASSIVE = frozenset({"version", "ping"})

    def __init__(self, *, handshake=True, services=m.NETWORK | m.WITNESS, protocol=m.PROTOCOL, relay=True,
                 wtxid_relay=True, addr_v2=True, user_agent="/harness:0.1/", answers=ANSWERS):
        self.handshake = handshake
        self.services = services
        self.protocol = protocol
        self.relay = relay
        self.wtxid_relay = wtxid_relay
        self.addr_v2 = addr_v2
        self.user_agent = user_agent
        self.answers = set(answers)
        self.socket = None
        self.listener = None
        self.outbound = False
        self.received = []
        self.bytes_received = 0
        self.changed = threading.Condition()
        self.sending = threading.Lock()
        self.closed = False
        self.fault = None
        self.version = None
        self.store = BlockStore()
        self.node = None
        self.id = None

    # Connecting.

    def dial(self, port):
        """Connects to a node."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._begin()
        if self.handshake:
            self.send_version()

    def listen(self):
        """Waits for a node to connect; the port to tell it."""
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.listener.settimeout(PATIENCE)
        return self.listener.getsockname()[1]

    def accept(self):
        """The node's connection."""
        self.socket = self.listener.accept()[0]
        self.outbound = True
        self._begin()

    def _begin(self):
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local = self.socket.getsockname()
        threading.Thread(target=self._read, name="peer", daemon=True).start()

    @property
    def address(self):
        """This end, as the node's getpeerinfo shows it for an inbound connection."""
        return f"{self.local[0]}:{self.local[1]}"

    def close(self):
        """Hangs up."""
        for each in (self.listener, self.socket):
            if each:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                each.close()
        self.listener = None

    # Sending.

    def send_version(self, **changes):
        values = {
            "version": self.protocol, "services": self.services, "time": int(time.time()), "relay": self.relay,
            "nonce": random.getrandbits(64), "user_agent": self.user_agent,
        }
        self.send(m.Version(**{**values, **changes}))

    def send(self, *messages):
        self.send_bytes(b"".join(m.framed(each) for each in messages))

    def send_frame(self, command, payload=b""):
        """A message with a payload that may be wrong."""
        self.send_bytes(m.frame(command, payload))

    def send_bytes(self, data):
        with self.sending:
            try:
                self.socket.sendall(data)
            except OSError:
                # The node has hung up, which the reader sees too.
                pass

    # Receiving, in the thread of the peer.

    def _read(self):
        buffer = bytearray()
        try:
            while True:
                data = self.socket.recv(1 << 16)
                if not data:
                    break
                buffer += data
                while taken := m.take_frame(buffer):
                    command, payload, size = taken
                    del buffer[:size]
                    got = m.decode(command, payload)
                    self.react(got)
                    with self.changed:
                        self.bytes_received += size
                        self.received.append(got)
                        self.changed.notify_all()
        except (DecodeError, UnicodeDecodeError) as error:
            self.fault = error
        except OSError:
            pass
        finally:
            with self.changed:
                self.closed = True
                self.changed.notify_all()
            self.socket.close()

    def react(self, got):
        """Answers what is answered by itself; a class of one's own may do more."""
        if got.command == "version":
            self.version = got
        if got.command in self.answers:
            react = getattr(self, f"on_{got.command}", None)
            if react:
                react(got)

    def on_version(self, got):
        if self.outbound and self.handshake:
            self.send_version()
        if self.wtxid_relay:
            self.send(m.WtxidRelay())
        if self.addr_v2:
            self.send(m.SendAddrV2())
        self.send(m.Verack())

    def on_ping(self, got):
        self.send(m.Pong(nonce=got.nonce))

    def on_inv(self, got):
        wanted = []
        for item in got.items:
            # Transactions by wtxid come with their witness anyway; others are asked for with it.
            kind = item.kind if item.kind == m.MSG_WTX else item.kind | m.WITNESS_FLAG
            wanted.append(m.Inventory(kind, item.hash))
        self.send(m.GetData(items=wanted))

    def on_getheaders(self, got):
        headers = self.store.headers_after(got.locator, got.stop)
        if headers:
            self.send(m.Headers(headers=headers))

    def on_getdata(self, got):
        for item in got.items:
            kind = item.kind & ~m.WITNESS_FLAG
            block, tx = self.store.blocks.get(item.hash), self.store.transactions.get(item.hash)
            if kind in (m.MSG_BLOCK, m.MSG_CMPCT_BLOCK) and block:
                self.send(m.BlockMessage(block=block))
            elif kind in (m.MSG_TX, m.MSG_WTX) and tx:
                self.send(m.TxMessage(tx=tx))

    # Waiting, in the thread of the scenario.

    def mark(self):
        """A place in `received`, for `wait_for(since=…)`."""
        with self.changed:
            return len(self.received)

    def of(self, command, since=0):
        """All received messages of a type."""
        with self.changed:
            return [got for got in self.received[since:] if got.command == command]

    def commands(self, since=0):
        """The types of what was received, in order."""
        with self.changed:
            return [got.command for got in self.received[since:]]

    def wait_for(self, command, matches=lambda got: True, since=0, timeout=PATIENCE):
        """The first received message of a type that matches."""
        until = time.monotonic() + timeout
        at = since
        with self.changed:
            while True:
                for got in self.received[at:]:
                    if got.command == command and matches(got):
                        return got
                at = len(self.received)
                self._check()
                if self.closed:
                    raise PeerError(f"the node hung up before a {command}")
                if not self.changed.wait(until - time.monotonic()):
                    raise PeerError(f"no {command} came; got {[got.command for got in self.received[since:]]}")

    def wait_closed(self, timeout=PATIENCE):
        """Waits until the node hangs up."""
        until = time.monotonic() + timeout
        with self.changed:
            while not self.closed:
                if not self.changed.wait(until - time.monotonic()):
                    raise PeerError("the node did not hang up")
        self._check()

    def _check(self):
        if self.fault:
            raise PeerError(f"the node sent what nobody may send: {self.fault}")

    def ready(self):
        """Waits for the end of the handshake and of what the node sends after it."""
        self.wait_for("verack")
        self.sync()

    def sync(self, timeout=PATIENCE):
        """Two pings: when the second is answered, all that was sent before is done with, and answered."""
        for _ in range(2):
            nonce = random.getrandbits(63)
            since = self.mark()
            self.send(m.Ping(nonce=nonce))
            self.wait_for("pong", lambda got, nonce=nonce: got.nonce == nonce, since, timeout)

    def send_and_sync(self, *messages):
        self.send(*messages)
        self.sync()

    def ask(self, question, command, matches=lambda got: True):
        """Sends a message and waits for the answer."""
        since = self.mark()
        self.send(question)
        return self.wait_for(command, matches, since)


class BlockStore:
    """Blocks and transactions that a peer serves."""

    def __init__(self):
        self.blocks = {}
        self.chain = []
        self.transactions = {}

    def add_blocks(self, blocks):
        """Blocks of one branch, in order; what was there before stays askable by hash."""
        for block in blocks:
            self.blocks[block.hash] = block
        known = {header.hash: at for at, header in enumerate(self.chain)}
        at = known.get(blocks[0].prev)
        self.chain = (self.chain[: at + 1] if at is not None else []) + [block.header for block in blocks]

    def add_transactions(self, transactions):
        for tx in transactions:
            self.transactions[tx.txid] = tx
            self.transactions[tx.wtxid] = tx

    def headers_after(self, locator, stop, limit=2000):
        """The headers of the branch after the first hash of a locator that is on it or right below it."""
        places = {header.hash: at + 1 for at, header in enumerate(self.chain)}
        if self.chain:
            places[self.chain[0].prev] = 0
        start = next((places[text] for text in locator if text in places), 0)
        headers = self.chain[start : start + limit]
        for at, header in enumerate(headers):
            if header.hash == stop:
                return headers[: at + 1]
        return headers
