"""Nodes that are connected with each other, and the methods that connect them."""

import messages as m
from chain import next_block
from node import connect, disconnect, sync_blocks, sync_mempools
from scenario import MockClock, equal, refused, scenario, wait_until
from scenarios.reorgs import SINK_ADDRESS


@scenario(nodes=3, p2p=True)
def blocks_and_payments_go_round(stage):
    """In a line of nodes a block and a payment reach the other end."""
    stage.connect_all()
    payment = stage.wallet().send()
    stage.sync()
    equal(stage.nodes[2].getrawmempool(), [payment.txid])
    block = stage.nodes[2].generatetoaddress(1, SINK_ADDRESS)[0]
    stage.sync()
    equal((stage.node.getbestblockhash(), stage.node.getrawmempool()), (block, []))


@scenario(nodes=2, p2p=True)
def two_branches_become_one(stage):
    """Nodes that mined apart agree on the longer branch once they are connected."""
    one, two = stage.nodes
    short = one.generatetoaddress(2, SINK_ADDRESS)
    long = two.generatetoaddress(4, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    connect(one, two)
    sync_blocks(stage.nodes)
    equal(one.getbestblockhash(), long[-1])
    shown = {tip["hash"]: tip["status"] for tip in one.getchaintips()}
    equal(shown[short[-1]], "valid-fork")


@scenario(nodes=2, p2p=True)
def late_node(stage):
    """A node that comes late gets all blocks, and leaves the initial download."""
    one, two = stage.nodes
    two.stop()
    one.generatetoaddress(60, SINK_ADDRESS)
    two.start()
    connect(two, one)
    sync_blocks(stage.nodes)
    info = two.getblockchaininfo()
    equal((info["blocks"], info["headers"], info["initialblockdownload"]), (260, 260, False))


@scenario(nodes=2, p2p=True)
def added_and_taken_off(stage):
    """addnode, disconnectnode, getaddednodeinfo and setnetworkactive."""
    one, two = stage.nodes
    address = f"127.0.0.1:{two.p2p_port}"
    one.addnode(address, "add")
    refused(-23, "Error: Node already added", one.addnode, address, "add")
    wait_until(lambda: one.getaddednodeinfo(address)[0]["connected"], "it is connected")
    equal(one.getaddednodeinfo(address)[0]["addresses"][0]["connected"], "outbound")
    refused(-24, "Error: Node has not been added.", one.getaddednodeinfo, "127.0.0.1:1")
    one.addnode(address, "remove")
    message = "Error: Node could not be removed. It has not been added previously."
    refused(-24, message, one.addnode, address, "remove")
    equal(one.getconnectioncount(), 1)
    refused(-29, "Node not found in connected nodes", one.disconnectnode, "127.0.0.1:1")
    refused(-29, "Node not found in connected nodes", one.disconnectnode, nodeid=99)
    refused(-32602, "Only one of address and nodeid should be provided.", one.disconnectnode, address, 0)
    one.disconnectnode(address)
    wait_until(lambda: two.getconnectioncount() == 0, "it is gone")
    connect(one, two)
    equal(one.setnetworkactive(False), False)
    wait_until(lambda: one.getconnectioncount() == 0, "nobody is left")
    equal(one.getnetworkinfo()["networkactive"], False)
    equal(one.setnetworkactive(True), True)
    connect(one, two)
    disconnect(one, two)


@scenario(nodes=2, p2p=True)
def bans(stage):
    """A ban ends connections and lasts as long as it says, over a restart too."""
    one, two = stage.nodes
    clock = MockClock(one)
    connect(two, one)
    one.setban("127.0.0.1", "add")
    wait_until(lambda: one.getconnectioncount() == 0, "the banned are gone")
    refused(-23, "Error: IP/Subnet already banned", one.setban, "127.0.0.1", "add")
    refused(-30, "Error: Invalid IP/Subnet", one.setban, "127.0.0.1/42", "add")
    one.setban("192.168.0.0/16", "add", 100)
    refused(-8, "Error: Absolute timestamp is in the past", one.setban, "1.2.3.4", "add", 1, True)
    equal([ban["address"] for ban in one.listbanned()], ["127.0.0.1/32", "192.168.0.0/16"])
    equal(one.listbanned()[1]["ban_duration"], 100)
    clock.move(101)
    equal([ban["address"] for ban in one.listbanned()], ["127.0.0.1/32"])
    one.restart()
    equal([ban["address"] for ban in one.listbanned()], ["127.0.0.1/32"])
    one.setban("127.0.0.1", "remove")
    message = "Error: Unban failed. Requested address/subnet was not previously manually banned."
    refused(-30, message, one.setban, "127.0.0.1", "remove")
    connect(two, one)
    one.clearbanned()
    equal(one.listbanned(), [])


@scenario(p2p=True)
def kinds_of_connections(stage):
    """Each kind of outbound connection is shown as such, and behaves so."""
    node = stage.node
    for kind in ("outbound-full-relay", "block-relay-only", "addr-fetch"):
        peer = node.outbound(kind)
        info = node.info_of(peer)
        equal((info["connection_type"], info["inbound"]), (kind, False))
        equal(peer.of("version")[0].relay, kind != "block-relay-only")
        equal("getaddr" in peer.commands(), kind != "block-relay-only")
    # It may close before what the peer says last has arrived, and its own last words can be lost with that.
    with node.logs("feeler connection completed, disconnecting", timeout=20):
        feeler = node.outbound("feeler", ready=False)
        feeler.wait_closed()
    equal("version" in feeler.commands(), True)
    refused(-8, "", node.addconnection, "127.0.0.1:1", "manual", False)


@scenario(p2p=True)
def words_put_into_its_mouth(stage):
    """sendmsgtopeer sends what it is told, to whom it is told."""
    node = stage.node
    peer = node.peer()
    since = peer.mark()
    node.sendmsgtopeer(peer_id=peer.id, msg_type="inv", msg="00")
    peer.wait_for("inv", since=since)
    refused(-1, "Error: Could not send message to peer", node.sendmsgtopeer, 99, "inv", "00")
    refused(-8, "Error: msg_type too long, max length is 12", node.sendmsgtopeer, peer.id, "thirteen_long", "00")
    refused(-8, "Error parsing input for msg", node.sendmsgtopeer, peer.id, "inv", "zz")


@scenario(p2p=True, args=["-whitelist=noban,in,out@127.0.0.1"])
def whom_nothing_is_held_against(stage):
    """A peer with the permission stays whatever it does, and getpeerinfo shows what it may do."""
    node = stage.node
    peer = node.peer()
    equal(sorted(node.info_of(peer)["permissions"]), ["download", "noban"])
    bad = next_block(node)
    bad.transactions[0].outputs[0].value += 1
    bad.set_merkle_root()
    bad.solve()
    with node.logs(f"Misbehaving: peer={peer.id}", "Not punishing noban peer", timeout=10):
        peer.send_and_sync(m.BlockMessage(block=bad))
    peer.sync()
    equal(node.getconnectioncount(), 1)
