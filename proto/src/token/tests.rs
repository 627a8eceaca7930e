use proptest::prelude::*;

use super::*;

#[test]
fn a_token_lets_its_owner_in_and_its_line_lets_nobody_in() {
    let [alice, other] = [(); 2].map(|()| Token::draw().expect("a system with randomness"));
    let line = alice.line(ClientRole::Operator, "alice").expect("a plain name");
    let tokens = Tokens::parse(&format!("# people\n\n{line}\n")).expect("a file");
    let owner = tokens.owner(alice.expose()).expect("its token");
    assert_eq!((owner.role, owner.name.as_str(), tokens.count()), (ClientRole::Operator, "alice", 1));
    assert_eq!(tokens.owner(other.expose()), None);
    let hash = line.rsplit(' ').next().expect("three words");
    for sent in ["", hash, &line, &alice.expose()[1..], &alice.expose().to_uppercase()] {
        assert_eq!(tokens.owner(sent), None, "{sent}");
    }
}

#[test]
fn no_text_of_ours_shows_a_token() {
    let token = Token::draw().expect("a system with randomness");
    assert_eq!(Token::parse(&format!("{}\n", token.expose())).expect("a token"), token);
    let shown = format!("{token:?} {}", token.line(ClientRole::Viewer, "v").expect("a line"));
    assert!(!shown.contains(token.expose()), "{shown}");
    // A token was written into the file in place of its hash.
    let error = Tokens::parse(&format!("viewer v {}", token.expose())).expect_err("no hash");
    assert!(!error.to_string().contains(token.expose()) && error.to_string().contains("line 1"), "{error}");
    let error = Tokens::parse(token.expose()).expect_err("no line");
    assert!(!error.to_string().contains(token.expose()), "{error}");
}

#[test]
fn malformed_files_and_weak_tokens_are_refused() {
    let hash = "a".repeat(64);
    for (text, fault) in [
        (format!("root alice {hash}"), "unknown role"),
        (format!("admin al/ice {hash}"), "a name"),
        (format!("admin alice {}", hash.to_uppercase()), "hexadecimal"),
        (format!("admin alice {hash} x"), "three words"),
        (format!("admin alice {hash}\nviewer bob {hash}"), "line 2 of the tokens repeats"),
    ] {
        let error = Tokens::parse(&text).expect_err("malformed").to_string();
        assert!(error.contains(fault), "{text}: {error}");
    }
    for weak in ["hunter2", &"x".repeat(31), &"x".repeat(513), &format!("{} {}", "x".repeat(20), "y".repeat(20))] {
        assert!(Token::parse(weak).is_err(), "{weak}");
    }
}

proptest! {
    #[test]
    fn no_file_makes_the_parser_panic(text in "\\PC{0,80}", words in "((admin|viewer|x) [a-z]{1,3} [0-9a-f]{63,65}\n){0,4}") {
        let _ = Tokens::parse(&text);
        if let Ok(tokens) = Tokens::parse(&words) {
            prop_assert_eq!(tokens.count(), words.lines().count());
        }
    }
}
