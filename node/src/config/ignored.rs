//! Options that Bitcoin Core has and ChainCore accepts without effect, so that scripts and harnesses written for
//! Core can start a node unchanged. Listed by `-help-debug`, and named in the log when one is used.

use chaincore_rpc::conf::{Group, OptionSpec, option};

const fn ignored(name: &'static str) -> OptionSpec {
    option(name, "", Group::Ignored, "")
}

/// The options, as Core 31's `init.cpp` and its kin declare them, less those that ChainCore honours.
#[rustfmt::skip]
pub(super) const IGNORED_OPTIONS: &[OptionSpec] = &[
    // Files, databases, processes
    ignored("alertnotify"), ignored("allowignoredconf"),
    ignored("blockreconstructionextratxn"), ignored("blocksxor"), ignored("coinstatsindex"),
    ignored("dbbatchsize"), ignored("dbcrashratio"), ignored("fastprune"),
    ignored("forcecompactdb"), ignored("persistmempoolv1"), ignored("prevoutfetchthreads"), ignored("prune"),
    ignored("txospenderindex"),
    // Peers
    ignored("asmap"), ignored("cjdnsreachable"),
    ignored("i2pacceptincoming"),
    ignored("i2psam"), ignored("listenonion"),
    ignored("natpmp"), ignored("onion"),
    ignored("peerbloomfilters"), ignored("privatebroadcast"),
    ignored("proxy"), ignored("proxyrandomize"), ignored("signetseednode"),
    ignored("torcontrol"), ignored("torpassword"), ignored("txreconciliation"),
    ignored("capturemessages"),
    // API and log
    ignored("deprecatedrpc"), ignored("ipcbind"), ignored("rpcdoccheck"), ignored("logips"),
    ignored("loglevelalways"), ignored("logratelimit"), ignored("logtimestamps"), ignored("shrinkdebugfile"),
    // Tests
    ignored("acceptstalefeeestimates"), ignored("checkaddrman"), ignored("checkblockindex"), ignored("checkblocks"),
    ignored("checklevel"), ignored("checkmempool"), ignored("checkpoints"), ignored("limitancestorsize"),
    ignored("limitdescendantsize"), ignored("printpriority"), ignored("stopafterblockimport"),
    // Core's wallet and window
    ignored("addresstype"), ignored("avoidpartialspends"), ignored("changetype"), ignored("choosedatadir"),
    ignored("consolidatefeerate"), ignored("disablewallet"), ignored("discardfee"), ignored("fallbackfee"),
    ignored("keypool"), ignored("lang"), ignored("maxapsfee"), ignored("maxtxfee"), ignored("min"),
    ignored("mintxfee"), ignored("paytxfee"), ignored("resetguisettings"), ignored("signer"), ignored("spendzeroconfchange"),
    ignored("splash"), ignored("swapbdbendian"), ignored("txconfirmtarget"), ignored("uiplatform"),
    ignored("unsafesqlitesync"), ignored("wallet"), ignored("walletbroadcast"), ignored("walletcrosschain"),
    ignored("walletdir"), ignored("walletnotify"), ignored("walletrbf"), ignored("walletrejectlongchains"),
];
