//! What `tailor ... | head` meets: a reader that has gone.

use std::io::pipe;
use std::process::{Command, Stdio};

#[test]
fn a_reader_that_has_gone_ends_a_command_without_a_word() {
    for words in ["shard route --org 71", "shard route --org 71 -o json", "completions bash"] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tailor"));
        let ended = command.args(words.split(' ')).stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
        assert_eq!(ended.status.code(), Some(0), "{words}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{words}");
    }
}
