//! Compiles anew when a migration is added: the list of them is embedded.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
