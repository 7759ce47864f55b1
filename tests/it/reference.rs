//! The reference pages are what the tables say.

use std::path::Path;

#[test]
fn reference_pages_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
    for (name, text) in [("ops.md", treville::reference::ops()), ("passes.md", treville::reference::passes())] {
        let path = folder.join(name);
        if std::env::var_os("TREVILLE_BLESS").is_some() {
            std::fs::create_dir_all(&folder).expect("the folder can be made");
            std::fs::write(&path, &text).expect("the page can be written");
        }
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(page, text, "{} is stale: run with TREVILLE_BLESS=1", path.display());
    }
}
