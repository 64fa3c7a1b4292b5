//! Keeps the `.pgrxsc` section, from which cargo-pgrx makes the extension's SQL, in the library. cargo-pgrx does it with
//! RUSTFLAGS of its own, which compile every dependency a second time beside `cargo test`; the Makefile turns that off.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "macos") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,--no-gc-sections");
    }
}
