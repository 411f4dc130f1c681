//! Verifies one block of Bitcoin's main chain whole, every script included, without the rest of the chain.
//!
//! `verify_block BLOCK.raw UNDO.raw HEIGHT`: the raw block, and the outputs that it spends in the order of its
//! inputs, each as value (i64, little-endian), script length (compact size) and script. Exits with 1 and the reject
//! reason if the block is not valid, with 2 if it can't be read.

// The program's whole purpose is what it prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod verify;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [block, undo, height] = arguments.as_slice() else {
        eprintln!("usage: verify_block BLOCK.raw UNDO.raw HEIGHT");
        return ExitCode::from(2);
    };
    let read = |path: &String| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    let height = height.parse::<u32>().map_err(|error| format!("height '{height}': {error}"));
    let (block, undo, height) = match (read(block), read(undo), height) {
        (Ok(block), Ok(undo), Ok(height)) => (block, undo, height),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let outcome = verify::verify_bytes(&block, &undo, height);
    let elapsed = started.elapsed();
    match outcome {
        Ok(report) => {
            println!("block         {}", report.hash);
            println!("height        {height}");
            println!("transactions  {}", report.transactions);
            println!(
                "inputs        {} (of {} transactions besides the coinbase)",
                report.inputs,
                report.transactions - 1
            );
            println!("weight        {}", report.weight);
            println!("sigop cost    {}", report.sigop_cost);
            println!("script flags  {:?}", report.script_flags);
            println!("fees          {}", report.fees);
            println!("reward        {} of at most {}", report.reward, report.reward_limit);
            println!("not checked   {}", verify::NOT_CHECKED);
            println!("verdict       valid");
            println!("time          {:.3} s on {} threads", elapsed.as_secs_f64(), report.threads);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("verdict       invalid: {error}");
            eprintln!("time          {:.3} s", elapsed.as_secs_f64());
            ExitCode::from(if matches!(error, verify::VerifyError::Rejected(_)) { 1 } else { 2 })
        }
    }
}
