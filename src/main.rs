//! The `treville` command.

fn main() -> std::process::ExitCode {
    treville_driver::main()
}
