//! Tells the crate whether the page was built, so that `cargo build` alone works without node.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(ui)");
    let dist = Path::new("../../ui/dist");
    // Cargo runs this again, and compiles the crate again, as long as a watched path is missing. So the folder is made,
    // empty, if it is not there; where that is not allowed, it is only slower.
    let _made = std::fs::create_dir_all(dist).is_ok();
    println!("cargo::rerun-if-changed=../../ui/dist");
    println!("cargo::rerun-if-changed=build.rs");
    if dist.join("index.html").is_file() {
        println!("cargo::rustc-cfg=ui");
    }
}
