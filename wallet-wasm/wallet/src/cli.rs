//! The command: which part does what.

mod accounts;
pub mod args;
mod clock;
mod create;
mod failure;
mod file;
mod lock;
mod messages;
mod names;
mod network;
mod nodes;
mod output;
mod password;
mod pay;
mod psbts;
mod show;
mod wallet;

use args::{Arguments, Command, Shared};
pub use failure::Failure;

/// Does what was asked for.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { shared, command } = arguments;
    let done = dispatch(&shared, command);
    done.and(output::check())
}

fn dispatch(shared: &Shared, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(create) => create::create(shared, &create),
        Command::Restore(restore) => create::restore(shared, &restore),
        Command::Info => show::info(shared),
        Command::Balance(of) => show::balance(shared, &of),
        Command::History(of) => show::history(shared, &of),
        Command::Coins(of) => show::coins(shared, &of),
        Command::Receive(receive) => accounts::receive(shared, &receive),
        Command::Account(account) => accounts::account(shared, account),
        Command::Descriptors => accounts::descriptors(shared),
        Command::Send(send) => pay::send(shared, &send),
        Command::Bump(bump) => pay::bump(shared, &bump),
        Command::Cancel(cancel) => pay::cancel(shared, &cancel),
        Command::Psbt(psbt) => psbts::psbt(shared, psbt),
        Command::Label(label) => names::label(shared, label),
        Command::Freeze { outpoint } => names::freeze(shared, &outpoint, true),
        Command::Unfreeze { outpoint } => names::freeze(shared, &outpoint, false),
        Command::Message(message) => messages::message(shared, message),
        Command::Words => create::words(shared),
        Command::Password => create::password(shared),
    }
}
