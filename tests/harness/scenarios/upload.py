"""How much a node sends in a day, and which networks it calls others on."""

import messages as m
from peer import Peer
from scenario import MockClock, equal, scenario
from scenarios.reorgs import SINK_ADDRESS

DAY = 24 * 60 * 60
# Room for a day of new blocks, and for so many bytes of old ones.
OLD_BYTES = 20_000
TARGET = 144 * 4_000_000 + OLD_BYTES


def wanted(node, height, count):
    block = m.Inventory(m.MSG_BLOCK | m.WITNESS_FLAG, node.getblockhash(height))
    return m.GetData(items=[block] * count)


def with_a_new_block(stage):
    """Makes all blocks of the chain older than a week but one; the clock."""
    clock = MockClock(stage.node)
    clock.move(8 * DAY)
    stage.node.generatetoaddress(1, SINK_ADDRESS)
    return clock


@scenario(p2p=True, args=[f"-maxuploadtarget={TARGET // 1000}k"])
def old_blocks_are_not_served_without_end(stage):
    """A peer that asks for too many old blocks is dropped, one that asks for new ones is not, and a new day begins."""
    node = stage.node
    clock = with_a_new_block(stage)
    info = node.getnettotals()["uploadtarget"]
    # Nothing has been sent yet.
    equal(info, {
        "timeframe": DAY, "target": TARGET, "target_reached": False, "serve_historical_blocks": True,
        "bytes_left_in_cycle": TARGET, "time_left_in_cycle": DAY,
    })
    greedy, modest = node.peer(answers=Peer.PASSIVE), node.peer(answers=Peer.PASSIVE)
    since = greedy.mark()
    greedy.send(wanted(node, 1, 200))
    greedy.wait_closed()
    got = greedy.of("block", since)
    size = len(got[0].block.encode())
    if not OLD_BYTES * 0.5 < len(got) * size <= OLD_BYTES + 2 * size:
        raise AssertionError(f"{len(got)} blocks of {size} bytes")
    info = node.getnettotals()["uploadtarget"]
    equal((info["target_reached"], info["serve_historical_blocks"]), (False, False))
    equal(info["bytes_left_in_cycle"] < 144 * 4_000_000, True)
    # A block of this week is given to anybody.
    since = modest.mark()
    modest.send_and_sync(wanted(node, 201, 10))
    equal(len(modest.of("block", since)), 10)
    with node.logs("historical block serving limit reached, disconnecting", timeout=10):
        modest.send(wanted(node, 1, 1))
        modest.wait_closed()
    # The first bytes after the day begin another one.
    clock.move(DAY + 1)
    equal(node.getnettotals()["uploadtarget"]["time_left_in_cycle"], 0)
    peer = node.peer(answers=Peer.PASSIVE)
    since = peer.mark()
    peer.send_and_sync(wanted(node, 1, 1))
    equal(len(peer.of("block", since)), 1)


@scenario(p2p=True, args=[f"-maxuploadtarget={TARGET // 1000}k", "-whitelist=download@127.0.0.1"])
def whoever_may_download_gets_old_blocks(stage):
    """The permission to download goes before the target of what is sent."""
    node = stage.node
    with_a_new_block(stage)
    peer = node.peer(answers=Peer.PASSIVE)
    since = peer.mark()
    peer.send_and_sync(wanted(node, 1, 200))
    equal(len(peer.of("block", since)), 200)
    equal(node.getnettotals()["uploadtarget"]["serve_historical_blocks"], False)


@scenario(p2p=True, args=["-maxuploadtarget=1"])
def a_small_target_leaves_nothing_for_old_blocks(stage):
    """With a target below a day of blocks no old block is ever sent."""
    node = stage.node
    with_a_new_block(stage)
    info = node.getnettotals()["uploadtarget"]
    equal((info["target"], info["serve_historical_blocks"]), (1 << 20, False))
    peer = node.peer(answers=Peer.PASSIVE)
    peer.send(wanted(node, 1, 1))
    peer.wait_closed()
    equal(peer.of("block"), [])


@scenario(start=False)
def networks_to_call(stage):
    """-onlynet is shown by getnetworkinfo, and what makes no sense with it is refused."""
    node = stage.node

    def limited():
        return [each["name"] for each in node.getnetworkinfo()["networks"] if each["limited"]]

    node.start()
    equal(limited(), ["onion", "i2p", "cjdns"])
    node.setnetworkactive(False)
    equal(limited(), ["onion", "i2p", "cjdns"])
    node.restart(["-onlynet=ipv6", "-onlynet=IPV6"])
    equal(limited(), ["ipv4", "onion", "i2p", "cjdns"])
    for each in node.getnetworkinfo()["networks"]:
        equal(each["limited"], not each["reachable"])
    node.stop()
    node.fails_to_start(["-onlynet=abc"], "Error: Unknown network specified in -onlynet: 'abc'")
    node.fails_to_start(
        ["-onlynet=i2p"], "Error: Outbound connections restricted to i2p (-onlynet=i2p) but -i2psam is not provided",
    )
    node.fails_to_start(
        ["-onlynet=cjdns"],
        "Error: Outbound connections restricted to CJDNS (-onlynet=cjdns) but -cjdnsreachable is not provided",
    )
    node.fails_to_start(
        ["-onlynet=onion", "-dnsseed=1"],
        "Error: Incompatible options: -dnsseed=1 was explicitly specified, but -onlynet forbids connections to "
        "IPv4/IPv6",
    )
    node.fails_to_start(
        ["-forcednsseed"], "Error: Cannot set -forcednsseed to true when setting -dnsseed to false.",
    )
    node.fails_to_start(["-maxuploadtarget=1x"], "Error: Unable to parse -maxuploadtarget: '1x'")


@scenario(chain="empty", start=False)
def seeds_of_the_chain(stage):
    """-fixedseeds, -dnsseed and -onlynet say in the log what becomes of seeds."""
    node = stage.node
    # Such a node calls others by itself: it has nobody to call.
    text = (node.directory / "bitcoin.conf").read_text()
    for line in ("connect=0\n", "dnsseed=0\n", "fixedseeds=0\n"):
        text = text.replace(line, "")
    (node.directory / "bitcoin.conf").write_text(text)
    node.start(["-connect=0"])
    with node.logs("DNS seeding disabled", "Fixed seeds are disabled", timeout=10):
        node.restart(["-dnsseed=0", "-fixedseeds=0"])
    with node.logs("Adding fixed seeds as -dnsseed=0", "Added 0 fixed seeds from reachable networks.", timeout=10):
        node.restart(["-dnsseed=0"])
    with node.logs("parameter interaction: -onlynet excludes IPv4 and IPv6 -> setting -dnsseed=0", timeout=10):
        node.restart(["-onlynet=onion", "-listenonion=1", "-torcontrol=127.0.0.1:1"])
    node.stop()
