"""The begin of a connection, and its end."""

import time

import messages as m
from peer import Peer
from scenario import MockClock, equal, has, scenario, wait_until

SERVICES = m.NETWORK | m.WITNESS | m.NETWORK_LIMITED


@scenario(p2p=True)
def inbound_order(stage):
    """What a node says first, and in which order."""
    node = stage.node
    peer = Peer(handshake=False, answers=())
    node.peer(peer, ready=False)
    time.sleep(0.3)
    equal(peer.commands(), [])
    peer.send_version()
    peer.wait_for("verack")
    equal(peer.commands(), ["version", "wtxidrelay", "sendaddrv2", "verack"])
    version = peer.of("version")[0]
    assert version.version >= 70_016, version.version
    equal((version.services & SERVICES, version.relay), (SERVICES, True))
    assert version.sender.ip in ("::", "0.0.0.0"), version.sender.ip
    equal((version.sender.port, version.height), (0, 200))
    equal(version.user_agent, node.getnetworkinfo()["subversion"])
    assert abs(version.time - time.time()) < 60
    peer.send(m.WtxidRelay(), m.SendAddrV2(), m.Verack())
    peer.wait_for("feefilter")
    after = peer.commands()[4:]
    equal([each for each in after if each != "sendheaders"], ["sendcmpct", "ping", "getheaders", "feefilter"])
    compact = peer.of("sendcmpct")[0]
    equal((compact.high_bandwidth, compact.version), (False, 2))
    locator = peer.of("getheaders")[0].locator
    # One below the tip is asked for, so that an answer is never empty.
    equal(locator[0], node.getblockhash(199))


@scenario(p2p=True)
def outbound_order(stage):
    """A node that dials speaks first, and asks for addresses where it relays them."""
    node = stage.node
    peer = node.outbound("outbound-full-relay")
    equal(peer.commands()[:4], ["version", "wtxidrelay", "sendaddrv2", "verack"])
    peer.wait_for("getaddr")
    quiet = node.outbound("block-relay-only", peer=Peer(relay=False))
    equal(quiet.of("version")[0].relay, False)
    quiet.sync()
    equal(quiet.of("getaddr"), [])
    equal([info["connection_type"] for info in node.getpeerinfo()], ["outbound-full-relay", "block-relay-only"])
    equal([info["inbound"] for info in node.getpeerinfo()], [False, False])


@scenario(p2p=True)
def old_and_odd_versions(stage):
    """Who is too old or says hello twice or too late is dropped or overheard."""
    node = stage.node
    old = Peer(handshake=False)
    node.peer(old, ready=False)
    with node.logs("peer using obsolete version 31799, disconnecting peer=0", timeout=5):
        old.send_version(version=31_799)
        old.wait_closed()
    equal(old.commands(), [])
    plain = Peer(protocol=70_015, wtxid_relay=False, addr_v2=False)
    node.peer(plain)
    assert "wtxidrelay" not in plain.commands(), plain.commands()
    assert "sendaddrv2" not in plain.commands(), plain.commands()
    twice = node.peer()
    with node.logs("redundant version message from peer"):
        twice.send_version()
        twice.sync()
    early = Peer(handshake=False, answers=())
    node.peer(early, ready=False)
    with node.logs("non-version message before version handshake", timeout=10):
        early.send(m.Ping(nonce=1))
    early.send(m.GetAddr(), m.Mempool(), m.Inv(items=[m.Inventory(m.MSG_TX, "11" * 32)]))
    time.sleep(0.3)
    equal(early.commands(), [])
    early.send_version()
    early.wait_for("verack")
    # Before its own verack it is told nothing but the four.
    early.send(m.Ping(nonce=3))
    time.sleep(0.3)
    equal(early.commands(), ["version", "wtxidrelay", "sendaddrv2", "verack"])
    late = node.peer()
    with node.logs("wtxidrelay received after verack", timeout=5):
        late.send(m.WtxidRelay())
        late.wait_closed()


@scenario(p2p=True)
def services_wanted(stage):
    """Of those that a node dials it wants blocks and witnesses; others are dropped."""
    node = stage.node
    for services, stays in ((m.NETWORK, False), (m.WITNESS, False), (m.NETWORK | m.WITNESS, True), (m.NETWORK_LIMITED | m.WITNESS, True)):
        peer = Peer(services=services)
        node.outbound(peer=peer, ready=False)
        if stays:
            peer.ready()
        else:
            peer.wait_closed()
    equal(node.getconnectioncount(), 2)
    inbound = node.peer(services=0)
    equal(node.info_of(inbound)["services"], "0000000000000000")


@scenario(p2p=True, args=["-peertimeout=3"])
def silent_peers(stage):
    """Who does not finish its hello in time is dropped, on the clock that tests move."""
    node = stage.node
    clock = MockClock(node)
    mute, half, good = Peer(handshake=False), Peer(handshake=False, answers=()), Peer()
    node.peer(mute, ready=False)
    node.peer(half, ready=False)
    node.peer(good)
    half.send_version()
    half.wait_for("verack")
    wait_until(lambda: node.getconnectioncount() == 3, "all are there")
    clock.move(2)
    good.sync()
    equal(node.getconnectioncount(), 3)
    with node.logs("timeout", timeout=20):
        clock.move(3)
        mute.wait_closed()
        half.wait_closed()
    good.sync()
    equal([info["id"] for info in node.getpeerinfo()], [good.id])


@scenario(p2p=True, args=["-peertimeout=1"])
def pings(stage):
    """Pings come at once and every two minutes; a wrong answer is noted and none in twenty minutes ends it."""
    node = stage.node
    clock = MockClock(node)
    peer = node.peer(peer=Peer(answers={"version"}), ready=False)
    peer.wait_for("ping")
    first = peer.of("ping")[0]
    node.info_of(peer)
    clock.move(3)
    with node.logs("pong peer=0: Nonce mismatch", timeout=10):
        peer.send(m.Pong(nonce=first.nonce ^ 1))
    node.hang_up_all()
    wait_until(lambda: node.getconnectioncount() == 0, "it is gone")
    peer = node.peer()
    equal(node.info_of(peer)["minping"] >= 0, True)
    since = peer.mark()
    clock.move(119)
    peer.sync()
    equal(peer.of("ping", since), [])
    peer.answers.discard("ping")
    clock.move(2)
    peer.wait_for("ping", since=since)
    clock.move(30)
    wait_until(lambda: int(node.info_of(peer).get("pingwait", 0)) == 30, "the wait is seen")
    since = peer.mark()
    node.ping()
    peer.wait_for("ping", since=since)
    clock.move(600)
    # It is heard of, but does not answer.
    peer.send(m.GetAddr())
    wait_until(lambda: node.info_of(peer)["lastrecv"] == clock.now, "it was heard")
    with node.logs("ping timeout", timeout=20):
        clock.move(602)
        peer.wait_closed()


@scenario(p2p=True)
def peer_facts(stage):
    """What getpeerinfo, getnettotals and getnetworkinfo tell of a peer."""
    node = stage.node
    peer = node.peer()
    wait_until(lambda: node.info_of(peer)["bytesrecv_per_msg"].get("pong", 0) >= 32, "its pong was counted")
    info = node.info_of(peer)
    equal((info["id"], info["inbound"], info["connection_type"]), (0, True, "inbound"))
    equal((info["addrbind"], info["subver"], info["version"]), (f"127.0.0.1:{node.p2p_port}", "/harness:0.1/", 70016))
    equal(info["servicesnames"], ["NETWORK", "WITNESS"])
    equal((info["relaytxes"], info["bip152_hb_to"], info["bip152_hb_from"]), (True, False, False))
    equal((info["transport_protocol_type"], info["session_id"], info["permissions"]), ("v1", "", []))
    equal((info["inflight"], info["addr_processed"], info["addr_rate_limited"], info["presynced_headers"]), ([], 0, 0, -1))
    equal((info["minfeefilter"], info["last_block"], info["last_transaction"], info["inv_to_send"]), (0, 0, 0, 0))
    equal((info["synced_headers"], info["synced_blocks"], info["network"]), (-1, -1, "not_publicly_routable"))
    equal(info["bytesrecv_per_msg"]["verack"], 24)
    equal(sum(info["bytessent_per_msg"].values()), info["bytessent"])
    equal(sum(info["bytesrecv_per_msg"].values()), info["bytesrecv"])
    equal(info["bytesrecv_per_msg"]["version"], 24 + len(m.Version(user_agent="/harness:0.1/").encode()))
    totals = node.getnettotals()
    assert totals["totalbytessent"] >= info["bytessent"]
    second = node.peer()
    equal([each["id"] for each in node.getpeerinfo()], [0, 1])
    network = node.getnetworkinfo()
    equal((network["connections"], network["connections_in"], network["connections_out"]), (2, 2, 0))
    node.hang_up(second)
    equal(node.getconnectioncount(), 1)
    # A message of a type that nobody knows is counted and otherwise ignored.
    peer.send_frame("nonsense", b"x" * 10)
    peer.sync()
    equal(node.info_of(peer)["bytesrecv_per_msg"]["*other*"], 34)


@scenario(p2p=True)
def nonsense_at_the_wrong_time(stage):
    """What would not be looked at needs no right payload; what may not be said is refused before it is read."""
    node = stage.node

    def half_way():
        peer = Peer(handshake=False, answers=())
        node.peer(peer, ready=False)
        peer.send_version()
        peer.wait_for("verack")
        return peer

    peer = half_way()
    locator = [f"{at:064x}" for at in range(102)]
    with node.logs(
        'Unsupported message "getblocks" prior to verack', 'Unsupported message "headers" prior to verack',
        "redundant version message from peer", "Unsupported message \"pong\" prior to verack",
        absent=["Misbehaving", "disconnecting"], timeout=10,
    ):
        peer.send(m.GetBlocks(locator=locator), m.Headers(headers=[m.Header(time=1)] * 2001))
        peer.send_frame("version", b"\x01")
        peer.send(m.Pong(nonce=1))
    peer.send(m.Verack())
    peer.sync()
    with node.logs("sendtxrcncl from peer=", timeout=10):
        peer.send_and_sync(m.SendTxRcncl())
    # BIP434: features are agreed on before the verack, by those who both know a later version than this one's.
    name = b"\x04name\x00"
    for payload in (b"", name):
        done, early = node.peer(), half_way()
        with node.logs("feature received after verack, disconnecting peer=", timeout=10):
            done.send_frame("feature", payload)
            done.wait_closed()
        with node.logs("feature received with incompatible version 70016, disconnecting peer=", timeout=10):
            early.send_frame("feature", payload)
            early.wait_closed()


@scenario(p2p=True)
def broken_frames(stage):
    """What is no message: wrong magic or length ends the connection, a wrong checksum does not."""
    node = stage.node
    peer = node.peer()
    with node.logs("Header error: Wrong MessageStart", timeout=10):
        peer.send_bytes(m.frame("ping", bytes(8), magic=b"\0\0\0\0"))
        peer.wait_closed()
    peer = node.peer()
    with node.logs("Header error: Size too large (ping, 4000001 bytes)", timeout=10):
        peer.send_bytes(m.frame("ping", bytes(4_000_001)))
        peer.wait_closed()
    peer = node.peer()
    with node.logs("Header error: Wrong checksum", timeout=10):
        frame = bytearray(m.frame("ping", bytes(8)))
        frame[20] ^= 1
        peer.send_bytes(bytes(frame))
        peer.sync()
    with node.logs("Header error: Invalid message type", timeout=10):
        peer.send_bytes(m.frame(b"\xff" * 12, b""))
        peer.sync()
    # A payload that breaks off is logged, and its sender stays.
    with node.logs("ProcessMessages(inv, 1 bytes): Exception", timeout=10):
        peer.send_frame("inv", b"\x05")
        peer.sync()
    has(node.info_of(peer)["connection_type"], "inbound")


@scenario(p2p=True)
def too_much(stage):
    """Lists that are too long are misbehaviour, which ends a connection unless the peer is trusted."""
    node = stage.node
    tx = [m.Inventory(m.MSG_TX, f"{at:064x}") for at in range(50_001)]
    addresses = [m.TimedAddress(time=int(time.time()), ip="1.2.3.4", port=at) for at in range(1001)]
    header = m.Header(time=1)
    for message, said in (
        (m.Inv(items=tx), "inv message size = 50001"),
        (m.GetData(items=tx), "getdata message size = 50001"),
        (m.Headers(headers=[header] * 2001), "headers message size = 2001"),
        (m.Addr(addresses=addresses), "addr message size = 1001"),
    ):
        peer = node.peer()
        with node.logs(f"Misbehaving: peer={peer.id}: {said}", timeout=10):
            peer.send(message)
            peer.wait_closed()
    node.restart(["-whitelist=noban@127.0.0.1"])
    peer = node.peer()
    equal(node.info_of(peer)["permissions"], ["noban", "download"])
    with node.logs("Misbehaving"):
        peer.send_and_sync(m.Inv(items=tx))
    locator = [f"{at:064x}" for at in range(102)]
    with node.logs("getheaders locator size 102 > 101, disconnecting peer=", timeout=10):
        peer.send(m.GetHeaders(locator=locator))
        peer.wait_closed()
